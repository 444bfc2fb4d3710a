import { ActivityFailure, ApplicationFailure, WorkflowFailedError } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ActivityFunctions } from '../../activities/index.ts';
import { aCampaign, createToyWorker, openWorkbench, type Workbench } from '../support/worker.ts';

let bench: Workbench;
beforeAll(async () => {
  bench = await openWorkbench();
}, 120_000);
afterAll(() => bench?.close(), 60_000);

/** Errors that no input causes today. Code that an activity calls may throw anything. */
const ERRORS = [
  () => new Error('half a pair: \ud800'),
  () => new Error('x'.repeat(5_000_000)),
  () => Object.assign(new Error('a cause', { cause: new Error(`\udfff${'y'.repeat(5_000_000)}`) }), { name: '\ud800' }),
];

test('an error with any text fails only the activity: the worker continues, and retries it', async () => {
  const errors = [...ERRORS];
  const told: string[] = [];
  const around = (activities: ActivityFunctions): object => ({
    ...activities,
    admitCampaign: async () => {
      const next = errors.shift();
      if (next !== undefined) throw next();
      throw ApplicationFailure.nonRetryable(`the last word ${'z'.repeat(5_000_000)}\ud800`);
    },
  });
  const worker = await createToyWorker(bench, around);
  const running = worker.run();
  const handle = await bench.client.workflow.start('campaign', {
    taskQueue: 'orrery',
    workflowId: 'any-text',
    args: [aCampaign({ seed: 1 })],
  });
  const error = await handle.result().catch((error: unknown) => error);
  for (let link: unknown = error; link instanceof Error; link = link.cause) told.push(link.message);
  expect(error).toBeInstanceOf(WorkflowFailedError);
  expect((error as WorkflowFailedError).cause).toBeInstanceOf(ActivityFailure);
  expect(errors).toEqual([]);
  expect(told.at(-1)).toMatch(/^the last word z+\.\.\.$/);
  for (const message of told) expect(message.length).toBeLessThanOrEqual(16_000);
  expect(worker.getState()).toBe('RUNNING');
  worker.shutdown();
  await running;
}, 90_000);
