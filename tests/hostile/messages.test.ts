import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CAMPAIGN_MESSAGES, type Messages, STAGE_MESSAGES } from '../../workflows/messages.ts';
import { aProgress, aStage } from '../support/builders.ts';
import { runningWorkbench } from '../support/running-workbench.ts';
import { hostilePayloads, json } from './payloads.ts';
import {
  campaignStatus,
  failedTasks,
  heldCampaign,
  longCampaign,
  rawService,
  stageStatus,
  until,
  untilStage,
} from './support.ts';

/**
 * Sends every hostile payload with every message of the registry, on a real server with the real workflow code. A new
 * message of the registry without a row here fails the test.
 */
interface Row {
  /** A valid argument, if the message takes one. Following it is impossible in the state of these workflows. */
  readonly valid?: unknown;
  /** Payloads that are accepted. All others are ignored or refused. */
  readonly taken: readonly string[];
}
const NOTHING = ['none', 'null', '{}'];
const ROWS: Readonly<Record<string, Row>> = {
  'campaign query status': { taken: NOTHING },
  'campaign update pause': { taken: NOTHING },
  'campaign update resume': { taken: NOTHING },
  'campaign update retryStage': { valid: { stage: 'astro/linearise' }, taken: [] },
  'campaign update approve': { valid: { arm: 'nobody' }, taken: ['none', '{}'] },
  'campaign signal pause': { taken: NOTHING },
  'campaign signal resume': { taken: NOTHING },
  'campaign signal retryStage': { valid: { stage: 'astro/linearise' }, taken: [] },
  'campaign signal approve': { valid: { arm: 'nobody' }, taken: ['none', '{}'] },
  'campaign signal stageChanged': { valid: { campaignRun: 'another', status: aStage() }, taken: [] },
  'campaign signal stageProgress': {
    valid: { campaignRun: 'another', stage: 'search', progress: aProgress() },
    taken: [],
  },
  'stage query status': { taken: NOTHING },
  'stage signal setPaused': { valid: false, taken: ['flag'] },
  // The stage is not held, so no retry is accepted.
  'stage signal retry': { taken: [] },
};

const messagesOf = (workflow: string, { queries, updates, signals }: Messages): string[] => [
  ...Object.keys(queries).map((name) => `${workflow} query ${name}`),
  ...Object.keys(updates).map((name) => `${workflow} update ${name}`),
  ...Object.keys(signals).map((name) => `${workflow} signal ${name}`),
];
const MESSAGES = [...messagesOf('campaign', CAMPAIGN_MESSAGES), ...messagesOf('stage', STAGE_MESSAGES)];

const HELD = 'held';
const LONG = 'long';
const LONG_STAGE = `${LONG}/pretrain`;
const targetOf = (message: string): string => (message.startsWith('campaign') ? HELD : LONG_STAGE);

const bench = runningWorkbench();
let raw: ReturnType<typeof rawService>;
const table: string[] = [];

beforeAll(async () => {
  raw = rawService(bench.client);
  const start = (workflowId: string, spec: unknown) =>
    bench.client.workflow.start('campaign', { taskQueue: 'orrery', workflowId, args: [spec] });
  await Promise.all([start(HELD, heldCampaign(1)), start(LONG, longCampaign(2))]);
  await untilStage(bench.client, HELD, 'search', 'held');
  await untilStage(bench.client, LONG, 'pretrain', 'running');
}, 180_000);
afterAll(async () => {
  console.log(['message | accepted | refused or ignored', ...table].join('\n'));
}, 60_000);

const ignoredBy = async (workflowId: string): Promise<number> =>
  (await stageStatus(bench.client, workflowId)).ignored?.times ?? 0;

test('every message of the registry has a row, and the workflows handle no other messages', async () => {
  expect(Object.keys(ROWS).toSorted()).toEqual(MESSAGES.toSorted());
  for (const [workflowId, messages] of [
    [HELD, CAMPAIGN_MESSAGES],
    [LONG_STAGE, STAGE_MESSAGES],
  ] as const) {
    const { definition } = await bench.client.workflow
      .getHandle(workflowId)
      .query<{ definition: Record<string, { name: string }[]> }>('__temporal_workflow_metadata');
    for (const [kind, known] of Object.entries(messages)) {
      const listed = definition[`${kind.slice(0, -1).replace('querie', 'query')}Definitions`]!.map(({ name }) => name);
      const own = listed.filter((name) => !name.startsWith('__'));
      expect(own.toSorted()).toEqual(Object.keys(known).toSorted());
    }
  }
});

describe('a hostile payload of', () => {
  test.each(MESSAGES)(
    '%s is refused or ignored, reported, and fails no task',
    async (message) => {
      const row = ROWS[message]!;
      const [, kind, name = ''] = message.split(' ');
      const workflowId = targetOf(message);
      const payloads = Object.entries(hostilePayloads(row.valid));
      const wrong = payloads.filter(([what]) => !row.taken.includes(what));
      const before = await ignoredBy(workflowId);
      if (kind === 'signal') {
        for (const [, payload] of payloads) await raw.signal(workflowId, name, payload);
        expect((await ignoredBy(workflowId)) - before).toBe(wrong.length);
        const { last } = (await stageStatus(bench.client, workflowId)).ignored!;
        expect(last).toMatchObject({
          message: `signal ${name}`,
          why: expect.stringMatching(/expected|of another run/),
        });
        expect(last.why.length).toBeLessThanOrEqual(500);
      } else {
        for (const [what, payload] of payloads) {
          if (kind === 'update' && row.taken.includes(what)) await makeReady(name);
          const why = await (kind === 'update' ? raw.update : raw.query)(workflowId, name, payload);
          if (row.taken.includes(what)) expect(why, what).toBeNull();
          else expect(why, what).toMatch(/expected/);
          expect(why?.length ?? 0).toBeLessThanOrEqual(2_000);
        }
        expect(await ignoredBy(workflowId)).toBe(before);
      }
      table.push(`${message} | ${row.taken.join(', ') || '-'} | ${wrong.map(([what]) => what).join(', ')}`);
      await makeReady('pause');
      expect(await failedTasks(bench.client, workflowId)).toEqual([]);
    },
    240_000,
  );

  /** Only a campaign that is not paused accepts a pause, and only a paused one accepts a resume. */
  async function makeReady(name: string): Promise<void> {
    if (name !== 'pause' && name !== 'resume') return;
    const { phase } = await campaignStatus(bench.client, HELD);
    const isPaused = phase === 'paused' || phase === 'pausing';
    if (name === 'pause' && isPaused) await raw.update(HELD, 'resume', []);
    if (name === 'resume' && !isPaused) await raw.update(HELD, 'pause', []);
  }
});

test('messages without a handler change nothing, even with reserved names', async () => {
  const names = ['nonsense', 'x'.repeat(900), '__temporal_nonsense', '__stack_trace', 'constructor', '__proto__'];
  for (const workflowId of [HELD, LONG_STAGE]) {
    const before = await ignoredBy(workflowId);
    for (const name of names) await raw.signal(workflowId, name, [json('{"x":1}')]);
    expect((await ignoredBy(workflowId)) - before).toBe(names.length);
    for (const name of names) expect(await raw.update(workflowId, name, []), name).not.toBeNull();
    for (const name of names.filter((name) => name !== '__stack_trace')) {
      expect(await raw.query(workflowId, name, []), name).not.toBeNull();
    }
    expect(await failedTasks(bench.client, workflowId)).toEqual([]);
  }
}, 120_000);

describe('afterwards', () => {
  test('a campaign pauses, resumes, and finishes', async () => {
    const handle = bench.client.workflow.getHandle(HELD);
    expect((await handle.executeUpdate<{ phase: string }, []>('pause')).phase).toBe('paused');
    await handle.executeUpdate('resume');
    await until(async () => (await stageStatus(bench.client, `${HELD}/search`)).state === 'held', 'search is held');
    await handle.executeUpdate('retryStage', { args: [{ stage: 'search' }] });
    await handle.result();
    expect((await campaignStatus(bench.client, HELD)).phase).toBe('completed');
    expect(await failedTasks(bench.client, HELD)).toEqual([]);
  }, 180_000);

  test('a stage pauses and continues with its campaign, and releases its machine when the campaign is cancelled', async () => {
    const handle = bench.client.workflow.getHandle(LONG);
    await untilStage(bench.client, LONG, 'pretrain', 'running');
    expect((await handle.executeUpdate<{ phase: string }, []>('pause')).phase).toBe('paused');
    await handle.executeUpdate('resume');
    await untilStage(bench.client, LONG, 'pretrain', 'running');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(/cancel/i);
    expect((await stageStatus(bench.client, LONG_STAGE)).state).toBe('cancelled');
    expect(await failedTasks(bench.client, LONG_STAGE)).toEqual([]);
  }, 180_000);
});
