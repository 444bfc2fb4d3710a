import { hostname } from 'node:os';
import { resolve } from 'node:path';
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { StoreId, storeId } from '../store/index.ts';
import { QUEUE_OWNER, queueOwnerId } from './queue.ts';
import { describeWorkflow, type WorkflowFacts } from './workflows.ts';

/** A store, with the facts by which a person can find it. */
export interface Installation {
  /** The id in its `instance.json`. */
  readonly store: string;
  /** Its folder on the machine of the worker that claimed the queue. */
  readonly path: string;
  /** The machine of that worker. */
  readonly host: string;
}

/** The owner of a task queue. */
export type QueueOwner =
  | { readonly kind: 'nobody' }
  | (Installation & { readonly kind: 'store'; readonly since: Date | null; readonly runId: string })
  /** Another workflow has the id of the record, so the owner is unknown. */
  | { readonly kind: 'unreadable'; readonly why: string; readonly runId: string };

/** A bounded text without control characters, safe to print on a terminal. */
const Line = (max: number) =>
  z
    .string()
    .max(max)
    .regex(/^\P{C}*$/u);

/** The field `installation` in the memo of the record. Anybody with access to Temporal may have written it. */
const Record = z.object({ store: StoreId, path: Line(4096), host: Line(255) });

/** This installation, as it appears in its records. Draws an id for a new store. */
export const thisInstallation = async (store: string): Promise<Installation> => ({
  store: await storeId(store),
  path: resolve(store),
  host: hostname(),
});

/** Asks Temporal for the owner of a task queue. @throws the gRPC error if Temporal does not answer */
export const queueOwnerOf = async (client: Client, queue: string): Promise<QueueOwner> =>
  parseQueueOwner(await describeWorkflow(client, queueOwnerId(queue)));

/** The owner according to the record. A closed record means that the queue has no owner. Pure. */
export function parseQueueOwner(facts: WorkflowFacts | null): QueueOwner {
  if (facts === null || !facts.isOpen) return { kind: 'nobody' };
  const { runId, startedAt } = facts;
  if (facts.type !== QUEUE_OWNER) {
    return { kind: 'unreadable', runId, why: `it is of the type ${JSON.stringify(facts.type.slice(0, 60))}` };
  }
  const record = Record.safeParse(facts.memo.installation);
  if (!record.success) return { kind: 'unreadable', runId, why: 'its memo does not name a store' };
  return { kind: 'store', ...record.data, since: startedAt, runId };
}
