import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { instancePath, knownStoreId } from '../store/index.ts';
import { QUEUE_OWNER, queueOwnerId } from './queue.ts';
import { type Installation, type QueueOwner, queueOwnerOf } from './queue-owner.ts';
import { isNotFound } from './workflows.ts';

/** The result of claiming a task queue. */
export type QueueClaim =
  /** The queue belongs to this store. `runId` is the run of the record. */
  | { readonly kind: 'ours'; readonly runId: string }
  | { readonly kind: 'taken'; readonly holder: Exclude<QueueOwner, { kind: 'nobody' }> }
  /** Another folder with the same store id has the queue, so one of the two folders is a copy. */
  | { readonly kind: 'copied'; readonly path: string };

/** Why a worker must stop polling. */
export type QueueLoss = Exclude<QueueClaim, { kind: 'ours' }> | { readonly kind: 'released' };

/**
 * Termination reason of `orrery queue release`. A record that ended for another reason was lost, and is created again.
 */
const RELEASED = 'orrery queue release';
/** Maximum number of tries. The record may close between two requests, but hardly five times in a row. */
const MAX_TRIES = 5;
const RETRY_MS = 5_000;
const CLOSE_EVENT = 2; // temporal.api.enums.v1.HistoryEventFilterType

/**
 * Claims a task queue for a store, or finds its owner. Temporal decides between concurrent claims, because it starts
 * only one workflow of an id.
 *
 * The record is a workflow that never runs: it waits on its own task queue, which no worker polls. So it has only two
 * events, needs no worker and no code, and stays open, so that Temporal does not delete it with closed workflows.
 * @throws the gRPC error if Temporal does not answer
 */
export async function claimQueue(client: Client, queue: string, installation: Installation): Promise<QueueClaim> {
  const workflowId = queueOwnerId(queue);
  const { store, path, host } = installation;
  for (let tries = 1; ; tries += 1) {
    try {
      const handle = await client.workflow.start(QUEUE_OWNER, {
        workflowId,
        taskQueue: workflowId,
        memo: { installation: { store, path, host } },
        workflowIdConflictPolicy: 'FAIL',
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        staticSummary: `Task queue ${queue} belongs to the store ${store}`,
      });
      return { kind: 'ours', runId: handle.firstExecutionRunId };
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      const holder = await queueOwnerOf(client, queue);
      if (holder.kind !== 'nobody') return await compare(holder, installation);
      if (tries === MAX_TRIES) throw error;
    }
  }
}

async function compare(
  holder: Exclude<QueueOwner, { kind: 'nobody' }>,
  installation: Installation,
): Promise<QueueClaim> {
  if (holder.kind !== 'store' || holder.store !== installation.store) return { kind: 'taken', holder };
  if (await isCopy(holder, installation)) return { kind: 'copied', path: holder.path };
  return { kind: 'ours', runId: holder.runId };
}

/**
 * Whether two folders of this machine are different stores with the same id. Several paths of one folder are not a
 * copy.
 */
async function isCopy(one: Installation, other: Installation): Promise<boolean> {
  if (one.host !== other.host || one.path === other.path) return false;
  const [a, b] = await Promise.all([one, other].map(({ path }) => stat(instancePath(path)).catch(() => null)));
  if (!a?.isFile() || !b?.isFile() || (a.ino === b.ino && a.dev === b.dev)) return false;
  return (await knownStoreId(one.path).catch(() => null)) === other.store;
}

/**
 * Watches the record of a queue and creates it again if it is lost: because the database of Temporal is new, or because
 * somebody ended the record without `orrery queue release`.
 * @param runId - run of the record that {@link claimQueue} found
 * @returns why the queue no longer belongs to this store; null when `signal` aborts
 */
export async function watchQueueClaim(
  client: Client,
  queue: string,
  installation: Installation,
  runId: string,
  signal: AbortSignal,
): Promise<QueueLoss | null> {
  let record = runId;
  while (!signal.aborted) {
    try {
      if ((await waitForEnd(client, queue, record, signal)) === 'released') return { kind: 'released' };
      const again = await claimQueue(client, queue, installation);
      if (again.kind !== 'ours') return again;
      record = again.runId;
    } catch {
      // An unreachable Temporal does not mean that the queue is lost.
      await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => {});
    }
  }
  return null;
}

/**
 * Waits until the record of a queue ends, with repeated long polls.
 * @throws if Temporal does not answer, or `signal` aborts
 */
async function waitForEnd(
  client: Client,
  queue: string,
  runId: string,
  signal: AbortSignal,
): Promise<'released' | 'lost'> {
  const request = {
    namespace: client.options.namespace,
    execution: { workflowId: queueOwnerId(queue), runId },
    waitNewEvent: true,
    historyEventFilterType: CLOSE_EVENT,
    skipArchival: true,
  };
  let nextPageToken: Uint8Array | null = null;
  for (;;) {
    try {
      const poll = () => client.workflowService.getWorkflowExecutionHistory({ ...request, nextPageToken });
      // Each poll gets its own signal: the SDK never removes its listener, and polling continues for weeks.
      const page: Awaited<ReturnType<typeof poll>> = await client.withAbortSignal(AbortSignal.any([signal]), poll);
      const [end] = page.history?.events ?? [];
      if (end) return end.workflowExecutionTerminatedEventAttributes?.reason === RELEASED ? 'released' : 'lost';
      nextPageToken = page.nextPageToken;
    } catch (error) {
      if (isNotFound(error)) return 'lost';
      throw error;
    }
  }
}

/** Ends a record, but no newer one. The queue then belongs to the first worker that claims it. */
export async function releaseQueue(client: Client, queue: string, runId: string): Promise<void> {
  await client.workflow.getHandle(queueOwnerId(queue), runId).terminate(RELEASED);
}
