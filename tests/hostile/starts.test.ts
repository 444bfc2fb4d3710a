import { beforeAll, describe, expect, test } from 'vitest';
import { viewCampaign } from '../../cli/campaigns.ts';
import { runningWorkbench } from '../support/running-workbench.ts';
import { aCampaign } from '../support/worker.ts';
import { encoded, hostilePayloads, json, jsonOf } from './payloads.ts';
import { campaignStatus, failedTasks, heldCampaign, rawService, until } from './support.ts';

/**
 * Starts both workflows with every hostile payload. Invalid input ends the run with a message, and no task keeps
 * failing.
 */
const bench = runningWorkbench();
let raw: ReturnType<typeof rawService>;

beforeAll(async () => {
  raw = rawService(bench.client);
}, 120_000);

/** Message of the failure `InvalidInput` that a workflow ends with. */
async function refusalOf(workflowId: string): Promise<string> {
  const ended = bench.client.workflow.getHandle(workflowId).result();
  const error = await ended.then(
    () => ({ cause: { type: 'none', message: 'it was accepted' } }),
    (error: unknown) => error as { cause: { type: string; message: string } },
  );
  expect(error.cause).toMatchObject({ type: 'InvalidInput' });
  expect(await failedTasks(bench.client, workflowId)).toEqual([]);
  expect(error.cause.message.length).toBeLessThan(16_000);
  return error.cause.message;
}

const spec = aCampaign({ seed: 1 });
const run = {
  campaignId: 'c',
  campaignRun: 'r',
  arm: null,
  request: {},
  onFailure: 'hold',
  mayBeEmpty: false,
  paused: false,
};

describe.each([
  ['campaign', spec],
  ['stage', run],
] as const)('a %s that is started with', (type, valid) => {
  const payloads = Object.entries(hostilePayloads(valid));
  test.each(payloads)('%s ends with InvalidInput', async (_, payload) => {
    expect(await refusalOf(await raw.start(type, payload))).toMatch(/expected|no such field/);
  });
});

describe('a campaign is refused', () => {
  const result = (kind: string) => ({ kind, key: 'a'.repeat(64), digest: 'b'.repeat(64) });
  test.each([
    ['{"stages":5}', { stages: 5 }],
    [
      'results that nobody made',
      { stages: [{ name: 'search', result: result('search') }], approved: [], paused: false, searchAttributes: false },
    ],
  ])('when its first start hands over %s', async (_, carried) => {
    expect(await refusalOf(await raw.start('campaign', [jsonOf(spec), jsonOf(carried)]))).toMatch(/2 payloads/);
  });

  test('when it has a cron schedule or a retry policy', async () => {
    const repeated = await raw.start('campaign', [jsonOf(spec)], { retryPolicy: { maximumAttempts: 5 } });
    expect(await refusalOf(repeated)).toMatch(/retryPolicy: expected none/);
    const workflowId = 'by-cron';
    await raw.start('campaign', [jsonOf(spec)], { workflowId, cronSchedule: '@every 1s' });
    const { runId } = (await bench.client.workflow.getHandle(workflowId).describe()) as { runId: string };
    const first = bench.client.workflow.getHandle(workflowId, runId);
    await until(
      async () => (await first.fetchHistory()).events?.at(-1)?.workflowExecutionFailedEventAttributes != null,
      'failed',
    );
    const { events } = await first.fetchHistory();
    expect(events?.at(-1)?.workflowExecutionFailedEventAttributes?.failure).toMatchObject({
      message: expect.stringMatching(/cronSchedule: expected none/),
      applicationFailureInfo: { type: 'InvalidInput' },
    });
    await bench.client.workflow.getHandle(workflowId).terminate();
  });

  test('when its id is not a valid folder name', async () => {
    const workflowId = 'a/b c';
    await raw.start('campaign', [jsonOf(spec)], { workflowId });
    expect(await refusalOf(workflowId)).toMatch(/the workflow id/);
  });
});

test('the error of a stage that is started by hand says that campaigns start stages', async () => {
  expect(await refusalOf(await raw.start('stage', [jsonOf(run)]))).toMatch(/start a workflow of type campaign/);
});

const unreadable = encoded('foo/bar', '{}');

test.each([
  ['a memo', { memo: { fields: { a: unreadable, b: json('{') } } }],
  ['headers', { header: { fields: { a: unreadable } } }],
  ['a last result', { lastCompletionResult: { payloads: [unreadable] } }],
  ['a last failure without its parts', { continuedFailure: { message: 'x', childWorkflowExecutionFailureInfo: {} } }],
  [
    'details of a last failure',
    {
      continuedFailure: {
        message: 'x',
        cause: { message: 'y', applicationFailureInfo: { type: 't', details: { payloads: [unreadable] } } },
      },
    },
  ],
])(
  '%s that nobody can read does not keep a campaign from running',
  async (_, more) => {
    const workflowId = await raw.start('campaign', [jsonOf(heldCampaign(7))], more);
    await until(async () => {
      return (await campaignStatus(bench.client, workflowId)).stages.some(({ state }) => state !== 'pending');
    }, 'a stage has begun');
    expect(await failedTasks(bench.client, workflowId)).toEqual([]);
    expect(await viewCampaign(bench.client, workflowId)).toMatchObject({ workflow: 'RUNNING' });
    await bench.client.workflow.getHandle(workflowId).cancel();
  },
  120_000,
);
