import type { Client } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import type { Logger } from 'pino';
import { ACTIVITY_CONVERTER } from '../activities/data-converter.ts';
import { openOnQueue, type WorkflowFacts } from '../installation/index.ts';
import type { WorkflowBundle } from './bundle.ts';

/** Maximum number of open workflows to replay, newest first, so that a start does not take minutes. *Ours*. */
const MAX_WORKFLOWS = 200;

/** An open workflow that the current workflow code cannot continue. */
export interface IncompatibleWorkflow {
  readonly workflowId: string;
  /** The error of the SDK, which names the first event that differs between code and history. */
  readonly reason: string;
}

/**
 * Replays the histories of the open workflows on the worker's task queue with the current workflow code. So a worker
 * with incompatible code exits at the start, instead of failing workflow tasks forever. Workflows on other queues are
 * ignored.
 * @returns the workflows that the code cannot continue
 */
export async function findIncompatibleWorkflows(
  client: Client,
  taskQueue: string,
  workflowBundle: WorkflowBundle,
  log: Pick<Logger, 'info' | 'warn'>,
): Promise<IncompatibleWorkflow[]> {
  const histories = historiesOf(client, firstOf(openOnQueue(client, taskQueue), MAX_WORKFLOWS));
  const incompatible: IncompatibleWorkflow[] = [];
  let replayed = 0;
  const options = { workflowBundle, dataConverter: ACTIVITY_CONVERTER };
  for await (const { workflowId, error } of Worker.runReplayHistories(options, histories)) {
    replayed += 1;
    if (error !== undefined) incompatible.push({ workflowId, reason: error.message });
  }
  if (replayed > 0) log.info({ workflows: replayed, incompatible: incompatible.length }, 'open workflows replayed');
  if (replayed === MAX_WORKFLOWS) {
    log.warn(`replayed the newest ${MAX_WORKFLOWS} open workflows; more may be open`);
  }
  return incompatible;
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
