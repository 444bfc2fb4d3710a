import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { isOpenInStore } from '../installation/index.ts';
import { createExclusive, readJson, storeId } from '../store/index.ts';
import type { Owner, OwnerState } from './garbage.ts';

/**
 * `<store>/temporal.json`: the Temporal namespace of this store's campaigns. The namespace id is unique: no other
 * server has it, nor a namespace that was created again. The first reconciler writes the file. Any other Temporal does
 * not know these campaigns, or it knows different ones with the same ids.
 */
const StoreTemporal = z.object({ namespace: z.string(), namespaceId: z.string() });
export const storeTemporalPath = (store: string): string => join(store, 'temporal.json');

/** Time limit of a request to Temporal. */
const ANSWER_MS = 10_000;

export interface Owners {
  readonly stateOf: (owner: Owner) => Promise<OwnerState>;
  /** Why the state of every owner is unknown; null if states can be determined. */
  readonly doubt: string | null;
}

/**
 * Asks Temporal for the state of the owners of claims and jobs. A missing workflow is closed: its retention is over, or
 * it never began. A workflow whose id another installation uses now is closed too. Every owner is unknown if Temporal
 * does not answer, if it is not the one that the store belongs to, or if its database was lost.
 * @param answerMs - time limit of each request
 */
export async function temporalOwners(client: Client, store: string, answerMs: number = ANSWER_MS): Promise<Owners> {
  const doubt = await namespaceMismatch(client, store, answerMs).catch(
    (error: Error) => `cannot identify the Temporal namespace: ${error.message}`,
  );

  async function stateOf(owner: Owner): Promise<OwnerState> {
    if (doubt !== null) return 'unknown';
    try {
      const id = await storeId(store);
      const isOpen = await client.withDeadline(Date.now() + answerMs, () => isOpenInStore(client, id, owner));
      return isOpen ? 'running' : 'closed';
    } catch {
      return 'unknown';
    }
  }
  return { stateOf, doubt };
}

/** Why this is not the Temporal of this store's campaigns; null if it is. */
async function namespaceMismatch(client: Client, store: string, answerMs: number): Promise<string | null> {
  const { namespace } = client.options;
  const { namespaceInfo } = await client.withDeadline(Date.now() + answerMs, () =>
    client.workflowService.describeNamespace({ namespace }),
  );
  const namespaceId = namespaceInfo?.id;
  if (!namespaceId) return 'cannot identify the Temporal namespace: the response has no namespace id';
  const path = storeTemporalPath(store);
  if (await createExclusive(path, `${JSON.stringify({ namespace, namespaceId })}\n`)) return null;
  const own = await readJson(path, StoreTemporal);
  if (own.namespaceId === namespaceId) return null;
  return `the campaigns of this store run in another Temporal namespace (${own.namespace}, ${own.namespaceId}) than this one (${namespace}, ${namespaceId}), so the state of their workflows is unknown; if the other namespace no longer exists, remove ${path}`;
}
