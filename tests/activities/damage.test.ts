import { truncateSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { describe, expect, test } from 'vitest';
import type { CampaignStatus, StageState, StageStatus } from '../../spec/index.ts';
import { claimPath, stageDir, stageFilePath } from '../../store/index.ts';
import { runningWorkbench } from '../support/running-workbench.ts';
import { aCampaign } from '../support/worker.ts';

const bench = runningWorkbench();

const jobsFolder = () => join(bench.home, 'jobs');
let seed = 100;

/** A campaign in its search stage, which takes some seconds. */
async function searching(id: string, from = ++seed) {
  const settings = { steps: 100, stepMs: 50, only: ['search'] };
  const handle = await bench.client.workflow.start('campaign', {
    taskQueue: 'orrery',
    workflowId: id,
    args: [aCampaign({ name: id, seed: from, until: 'linearise', arms: [{ name: 'astro' }], settings })],
  });
  const search = await until(handle, 'running');
  return { handle, seed: from, dir: stageDir(bench.store, search.key as string) };
}

async function until(handle: WorkflowHandle, ...states: StageState[]): Promise<StageStatus> {
  for (let looks = 0; looks < 400; looks += 1) {
    const status = await handle.query<CampaignStatus>('status');
    const search = status.stages.find(({ name }) => name === 'search');
    if (search !== undefined && states.includes(search.state)) return search;
    await sleep(100);
  }
  throw new Error(`search did not become ${states.join(' or ')}`);
}

const half = async (path: string): Promise<void> => truncateSync(path, Math.floor((await readFile(path)).length / 2));
const isDone = (handle: WorkflowHandle) => handle.result().then(() => 'completed');

describe('a campaign completes', () => {
  test('although the claim of a stage is cut in half while it runs, over a pause', async () => {
    const { handle, dir } = await searching('claim');
    await half(claimPath(dir, 0));
    await handle.executeUpdate('pause');
    await handle.executeUpdate('resume');
    expect(await isDone(handle)).toBe('completed');
    expect((await readdir(join(dir, 'claims'))).toSorted()).toEqual([
      '00000.json',
      '00000.json.unreadable',
      '00001.json',
    ]);
  });

  test('although its stage file is cut in half while it is paused', async () => {
    const { handle, dir } = await searching('stage-file');
    await handle.executeUpdate('pause');
    await half(stageFilePath(dir));
    await handle.executeUpdate('resume');
    expect(await isDone(handle)).toBe('completed');
  });

  test('although its stage file is cut in half while it runs: the file is written again, and no work is done twice', async () => {
    const { handle, dir } = await searching('sealing');
    await half(stageFilePath(dir));
    expect(await isDone(handle)).toBe('completed');
    expect(await readFile(join(dir, 'journal/0.txt'), 'utf8')).toHaveLength(100);
  });

  test('although the record of a job is cut in half while it runs: that is one crash, whose message names the file', async () => {
    const { handle } = await searching('job-record');
    const job = (await readdir(jobsFolder())).find((name) => name.startsWith('job-record-search')) as string;
    await half(join(jobsFolder(), job, 'job.json'));
    expect(await isDone(handle)).toBe('completed');
    const search = await until(handle, 'completed');
    expect(search.incidents).toMatchObject([{ class: 'Crashed', message: expect.stringContaining(`${job}/job.json`) }]);
  });

  test('although the progress of a pod is no JSON', async () => {
    const { handle, dir } = await searching('progress');
    await mkdir(join(dir, 'progress'), { recursive: true });
    writeFileSync(join(dir, 'progress/00000.json'), '{"done":');
    expect(await isDone(handle)).toBe('completed');
  });

  test('when it takes over a stage whose claim does not parse', async () => {
    const first = await searching('first');
    await half(claimPath(first.dir, 0));
    const second = await searching('second', first.seed);
    expect(await Promise.all([isDone(first.handle), isDone(second.handle)])).toEqual(['completed', 'completed']);
  });
});

test('cancelling a campaign completes although the claim and the record of its job do not parse', async () => {
  const { handle, dir } = await searching('cancelled');
  const job = (await readdir(jobsFolder())).find((name) => name.startsWith('cancelled-search')) as string;
  await half(claimPath(dir, 0));
  await half(join(jobsFolder(), job, 'job.json'));
  await handle.cancel();
  await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
  expect(await bench.executor.observe(job)).toBeNull();
});
