import type { Connection } from './connection.ts';
import { type KubeObject, wire } from './objects.ts';
import { send } from './request.ts';

/** The watched resources, and their paths in the API. */
export const WATCHED = {
  jobs: '/apis/batch/v1',
  pods: '/api/v1',
  events: '/api/v1',
} as const;
export type Watched = keyof typeof WATCHED;

export interface Selection {
  readonly labels?: string;
  readonly fields?: string;
}

export interface Page {
  readonly items: KubeObject[];
  readonly resourceVersion: string;
  /** Token of the next page; null after the last. */
  readonly next: string | null;
}

const PAGE = 500;

export const queryOf = ({ labels, fields }: Selection) => ({
  ...(labels === undefined ? {} : { labelSelector: labels }),
  ...(fields === undefined ? {} : { fieldSelector: fields }),
});

export const listRequests = ({ batch, core, namespace }: Connection) => ({
  /** One page of the selected objects. @param next - token of the page; null for the first */
  async list(what: Watched, selection: Selection, next: string | null): Promise<Page> {
    const query = { namespace, limit: PAGE, ...queryOf(selection), ...(next === null ? {} : { _continue: next }) };
    const page = await send(`list ${what}`, async () => {
      if (what === 'jobs') return await batch.listNamespacedJob(query);
      return what === 'pods' ? await core.listNamespacedPod(query) : await core.listNamespacedEvent(query);
    });
    const { resourceVersion = '', _continue } = page.metadata ?? {};
    return { items: wire(page.items) as KubeObject[], resourceVersion, next: _continue || null };
  },
});
