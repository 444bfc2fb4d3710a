import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { instancePath, knownStoreId } from '../store/index.ts';
import { type Holder, holderOf, type Installation } from './holder.ts';
import { ownerIdOf, QUEUE_OWNER } from './queue.ts';
import { isNotFound } from './workflows.ts';

/** What came of asking for a task queue. */
export type Claim =
  /** It is this store's. `runId` names the record. */
  | { readonly kind: 'ours'; readonly runId: string }
  | { readonly kind: 'taken'; readonly holder: Exclude<Holder, { kind: 'nobody' }> }
  /** It is held in this store's name by another folder: one of the two is a copy. */
  | { readonly kind: 'copied'; readonly path: string };

/** Why a worker must stop polling. */
export type Loss = Exclude<Claim, { kind: 'ours' }> | { readonly kind: 'released' };

/** Reason with which `orrery queue release` ends a record. A record that ends otherwise was lost, and is made again. */
const RELEASED = 'orrery queue release';
/** A record may close between two questions; not five times in a row. */
const TRIES = 5;
const AGAIN_MS = 5_000;
const CLOSE_EVENT = 2; // temporal.api.enums.v1.HistoryEventFilterType

/**
 * Takes a task queue for a store, or finds who has it. Temporal decides: of two workflows of one id it starts one.
 *
 * The record is a workflow that nobody executes: it waits on a task queue of its own that no worker polls. So it has two events, needs no
 * worker, has no code that a message could make fail, and stays open, which keeps it from being removed with closed workflows.
 * @throws the gRPC error where Temporal does not answer
 */
export async function claimQueue(client: Client, queue: string, installation: Installation): Promise<Claim> {
  const workflowId = ownerIdOf(queue);
  const { store, path, host } = installation;
  for (let tries = 1; ; tries += 1) {
    try {
      const handle = await client.workflow.start(QUEUE_OWNER, {
        ...{ workflowId, taskQueue: workflowId, memo: { installation: { store, path, host } } },
        ...{ workflowIdConflictPolicy: 'FAIL', workflowIdReusePolicy: 'ALLOW_DUPLICATE' },
        staticSummary: `Task queue ${queue} belongs to the store ${store}`,
      });
      return { kind: 'ours', runId: handle.firstExecutionRunId };
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      const holder = await holderOf(client, queue);
      if (holder.kind !== 'nobody') return await compare(holder, installation);
      if (tries === TRIES) throw error;
    }
  }
}

async function compare(holder: Exclude<Holder, { kind: 'nobody' }>, installation: Installation): Promise<Claim> {
  if (holder.kind !== 'store' || holder.store !== installation.store) return { kind: 'taken', holder };
  if (await isCopy(holder, installation)) return { kind: 'copied', path: holder.path };
  return { kind: 'ours', runId: holder.runId };
}

/** Whether two folders of this machine have the same name for a store. One folder may have several paths: those are one file. */
async function isCopy(one: Installation, other: Installation): Promise<boolean> {
  if (one.host !== other.host || one.path === other.path) return false;
  const [a, b] = await Promise.all([one, other].map(({ path }) => stat(instancePath(path)).catch(() => null)));
  if (!a?.isFile() || !b?.isFile() || (a.ino === b.ino && a.dev === b.dev)) return false;
  return (await knownStoreId(one.path).catch(() => null)) === other.store;
}

/**
 * Watches the record of a queue, and makes it again where it was lost: Temporal's database is new, or somebody ended the record by another way
 * than `orrery queue release`.
 * @param runId - of the record that {@link claimQueue} found
 * @returns why the queue is not this store's any more; null once `signal` aborts
 */
export async function keepQueue(
  client: Client,
  queue: string,
  installation: Installation,
  runId: string,
  signal: AbortSignal,
): Promise<Loss | null> {
  let record = runId;
  while (!signal.aborted) {
    try {
      if ((await endOf(client, queue, record, signal)) === 'released') return { kind: 'released' };
      const again = await claimQueue(client, queue, installation);
      if (again.kind !== 'ours') return again;
      record = again.runId;
    } catch {
      // Silence is no answer: ask again.
      await sleep(AGAIN_MS, undefined, { signal, ref: false }).catch(() => {});
    }
  }
  return null;
}

/**
 * Waits for the end of a record, by one long poll after the other.
 * @throws where Temporal does not answer, or `signal` aborts
 */
async function endOf(client: Client, queue: string, runId: string, signal: AbortSignal): Promise<'released' | 'lost'> {
  const request = {
    ...{ namespace: client.options.namespace, execution: { workflowId: ownerIdOf(queue), runId } },
    ...{ waitNewEvent: true, historyEventFilterType: CLOSE_EVENT, skipArchival: true },
  };
  let nextPageToken: Uint8Array | null = null;
  for (;;) {
    try {
      const poll = () => client.workflowService.getWorkflowExecutionHistory({ ...request, nextPageToken });
      // A signal of its own for each: the SDK leaves its listener on the signal, and polls go on for weeks.
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

/** Ends a record, and no later one. The queue is then whose worker asks first. */
export async function releaseQueue(client: Client, queue: string, runId: string): Promise<void> {
  await client.workflow.getHandle(ownerIdOf(queue), runId).terminate(RELEASED);
}
