import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import type { CampaignSpecInput, CampaignStatus, StageState, StageStatus } from '../../spec/index.ts';
import { manifestPath, stageDir } from '../../store/index.ts';
import type { campaign } from '../../workflows/index.ts';
import { runningWorkbench } from '../support/running-workbench.ts';
import { aCampaign } from '../support/worker.ts';

const bench = runningWorkbench();

const DROPPED = { traces: 60, solutions: 0, droppedSolutions: 60, droppedNumbers: 60 };
const spec = (counts: object, change: Partial<CampaignSpecInput> = {}): CampaignSpecInput =>
  aCampaign({ arms: [{ name: 'astro' }], settings: { counts }, ...change });

const start = (workflowId: string, given: CampaignSpecInput): Promise<WorkflowHandle<typeof campaign>> =>
  bench.client.workflow.start<typeof campaign>('campaign', { taskQueue: 'orrery', workflowId, args: [given] });
const stageOf = async (handle: WorkflowHandle<typeof campaign>, name: string): Promise<StageStatus> => {
  const found = await stageIfPlanned(handle, name);
  if (found === undefined) throw new Error(`the status has no stage ${name}`);
  return found;
};
/** Undefined before the campaign is admitted. */
async function stageIfPlanned(handle: WorkflowHandle<typeof campaign>, name: string): Promise<StageStatus | undefined> {
  const { stages } = await handle.query<CampaignStatus>('status');
  return stages.find((one) => one.name === name);
}
const untilHeld = (handle: WorkflowHandle<typeof campaign>, name: string) => untilStage(handle, name, 'held');
async function untilStage(
  handle: WorkflowHandle<typeof campaign>,
  name: string,
  state: StageState,
): Promise<StageStatus> {
  for (let looks = 0; looks < 300; looks += 1) {
    const stage = await stageIfPlanned(handle, name);
    if (stage?.state === state) return stage;
    await sleep(100);
  }
  throw new Error(`${name} did not become ${state}: ${JSON.stringify(await handle.query('status'), null, 1)}`);
}
const isSealed = ({ key }: StageStatus): boolean => existsSync(manifestPath(stageDir(bench.store, key!)));

describe('a stage of which nothing came', () => {
  test('ends at itself, with counts and what to change, and is not sealed; nothing after it begins', async () => {
    const handle = await start('dropped', spec({ 'astro/rewrite': [DROPPED] }));
    await expect(handle.result()).rejects.toThrow();
    const rewrite = await stageOf(handle, 'astro/rewrite');
    expect(rewrite).toMatchObject({
      state: 'failed',
      executions: 1,
      incidents: [
        { class: 'NoEffect', message: expect.stringMatching(/^60 of 60 .*droppedNumbers 60.*submit it again/) },
      ],
    });
    expect(isSealed(rewrite)).toBe(false);
    expect(await stageOf(handle, 'astro/sft')).toMatchObject({ state: 'pending', executions: 0 });
  });

  test('is a result where no training follows, and is told to a campaign that would train on it', async () => {
    const counts = { 'astro/rewrite': [DROPPED] };
    const until = await start('until', spec(counts, { seed: 2, until: 'rewrite' }));
    await until.result();
    expect(await stageOf(until, 'astro/rewrite')).toMatchObject({ state: 'completed', incidents: [] });
    const onwards = await start('onwards', spec(counts, { seed: 2, onFailure: 'hold' }));
    const rewrite = await untilHeld(onwards, 'astro/rewrite');
    expect(rewrite).toMatchObject({
      executions: 0,
      incidents: [
        { class: 'NoEffect', message: expect.stringMatching(/^an earlier campaign ran this stage, and 60 of 60/) },
      ],
    });
    await onwards.executeUpdate('retryStage', { args: [{ stage: 'astro/rewrite' }] });
    expect((await untilHeld(onwards, 'astro/rewrite')).failures).toBeGreaterThan(0);
    await onwards.cancel();
    await onwards.result().catch(() => undefined);
  });

  test('in which nothing could be judged does all of its work anew when it is retried', async () => {
    const unjudged = { problems: 1, completions: 8, right: 0, unjudged: 8, timedOut: 8 };
    const counts = { 'evaluate-base': [unjudged, { problems: 1, completions: 8, right: 3, unjudged: 0 }] };
    const handle = await start('unjudged', spec(counts, { seed: 3, until: 'sft', onFailure: 'hold' }));
    const held = await untilHeld(handle, 'evaluate-base');
    expect(held.incidents).toMatchObject([{ class: 'NoEffect', message: expect.stringMatching(/8 timed out.*retry/) }]);
    const dir = stageDir(bench.store, held.key!);
    expect(readdirSync(join(dir, 'set-aside/attempt-0')).toSorted()).toEqual(['journal', 'parts']);
    await handle.executeUpdate('retryStage', { args: [{ stage: 'evaluate-base' }] });
    const judged = await untilStage(handle, 'evaluate-base', 'completed');
    expect(judged).toMatchObject({ executions: 2, result: expect.anything() });
    await handle.cancel();
    await handle.result().catch(() => undefined);
  });
});
