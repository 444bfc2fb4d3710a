import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { StoreId, storeId } from '../store/index.ts';
import { ownerIdOf, QUEUE_OWNER } from './queue.ts';
import { describeWorkflow, type WorkflowFacts } from './workflows.ts';

/** A store, in the words that a person needs to find it. */
export interface Installation {
  /** The name in its `instance.json`. */
  readonly store: string;
  /** Its folder, as the worker that claimed the queue saw it. */
  readonly path: string;
  /** The machine of that worker. */
  readonly host: string;
}

/** Who has a task queue. */
export type Holder =
  | { readonly kind: 'nobody' }
  | (Installation & { readonly kind: 'store'; readonly since: Date | null; readonly runId: string })
  /** Something else has taken the id of the record: it does not say whose the queue is. */
  | { readonly kind: 'unreadable'; readonly why: string; readonly runId: string };

/** A line to be shown on a terminal: no control characters, and bounded. */
const Line = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^\P{C}*$/u);

/** What the memo of the record says, under the name `installation`. Anybody may have written it. */
const Record = z.object({ store: StoreId, path: Line(4096), host: Line(255) });

/** This installation, as it signs its records. Draws the name of a store that has none. */
export const thisInstallation = async (store: string): Promise<Installation> => ({
  store: await storeId(store),
  path: resolve(store),
  host: hostname(),
});

/** @throws the gRPC error where Temporal does not answer */
export const holderOf = async (client: Client, queue: string): Promise<Holder> =>
  parseHolder(await describeWorkflow(client, ownerIdOf(queue)));

/** Pure. A record that is closed holds nothing. */
export function parseHolder(facts: WorkflowFacts | null): Holder {
  if (facts === null || !facts.isOpen) return { kind: 'nobody' };
  const { runId, startedAt } = facts;
  if (facts.type !== QUEUE_OWNER) {
    return { kind: 'unreadable', runId, why: `it is of the type ${JSON.stringify(facts.type.slice(0, 60))}` };
  }
  const record = Record.safeParse(facts.memo.installation);
  if (!record.success) return { kind: 'unreadable', runId, why: 'its memo does not name a store' };
  return { kind: 'store', ...record.data, since: startedAt, runId };
}
