import type { Client } from '@temporalio/client';
import { Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import type { Logger } from 'pino';
import { ACTIVITY_CONVERTER } from '../activities/data-converter.ts';
import { openOnQueue, type WorkflowFacts } from '../installation/index.ts';

/** Open workflows that are looked at, the newest first: a start is not to take minutes where thousands are open. *Ours*. */
const MAX_WORKFLOWS = 200;

/** A workflow that the code at hand cannot go on with. */
export interface Misfit {
  readonly workflowId: string;
  /** The SDK's own words: the first event at which code and history part. */
  readonly reason: string;
}

/**
 * Replays the histories of the workflows that are open on the worker's task queue against the workflow code at hand, so that a worker with code
 * that cannot go on with them says so before it takes them up, and not by tasks that fail for ever. Those of other queues are not its business.
 * @returns those that it cannot go on with; empty when all is well
 */
export async function findMisfits(
  client: Client,
  taskQueue: string,
  workflowBundle: WorkflowBundleWithSourceMap,
  log: Pick<Logger, 'info' | 'warn'>,
): Promise<Misfit[]> {
  const histories = historiesOf(client, firstOf(openOnQueue(client, taskQueue), MAX_WORKFLOWS));
  const misfits: Misfit[] = [];
  let replayed = 0;
  const options = { workflowBundle, dataConverter: ACTIVITY_CONVERTER };
  for await (const { workflowId, error } of Worker.runReplayHistories(options, histories)) {
    replayed += 1;
    if (error !== undefined) misfits.push({ workflowId, reason: error.message });
  }
  if (replayed > 0) log.info({ workflows: replayed, misfits: misfits.length }, 'open workflows replayed');
  if (replayed === MAX_WORKFLOWS) log.warn({ workflows: replayed }, 'more may be open than were replayed');
  return misfits;
}

async function* historiesOf(client: Client, workflows: AsyncIterable<WorkflowFacts>) {
  for await (const { workflowId, runId } of workflows) {
    yield { workflowId, history: await client.workflow.getHandle(workflowId, runId).fetchHistory() };
  }
}

async function* firstOf<T>(all: AsyncIterable<T>, most: number): AsyncIterable<T> {
  let taken = 0;
  for await (const one of all) {
    yield one;
    taken += 1;
    if (taken === most) return;
  }
}
