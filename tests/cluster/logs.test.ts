import { readFileSync } from 'node:fs';
import { BatchV1Api } from '@kubernetes/client-node';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { logPath, stageDir } from '../../store/index.ts';
import { isRunning, jobsOf, podsOf, stageOf, startCampaign } from '../support/cluster/campaigns.ts';
import { eventually } from '../support/cluster/job-story.ts';
import { aSmallCampaign, openClusterBench } from '../support/cluster/workbench.ts';

const STEPS = 20;

/**
 * A campaign whose search has two shards and prints a line for each step. It fails, is retried once, and fails again.
 */
const aTalkingCampaign = () =>
  aSmallCampaign({
    arms: [{ name: 'astro' }],
    until: 'linearise',
    settings: { talks: true, only: ['search'], steps: STEPS, stepMs: 400, faults: { search: [70, 65] } },
    run: { search: { shards: 2 } },
  });

test('orrery logs -f prints the output of the pods of a stage in all its executions, and keeps the output of failed pods', {
  timeout: 180_000,
}, async () => {
  await using bench = await openClusterBench('toy');
  const { namespace, store } = bench;
  await bench.startWorker();
  const handle = await startCampaign(bench, 'talks', aTalkingCampaign());
  const orrery = (...args: string[]) =>
    execa(process.execPath, [inProject('cli/main.ts'), ...args], { env: bench.env, reject: false });

  await eventually('search has pods', async () => (await podsOf(namespace, 'search')).some(isRunning), 90_000);
  const following = orrery('logs', '-f', 'talks', 'search');
  const lines: string[] = [];
  let whileRunning = '';
  for await (const line of following) {
    lines.push(line);
    if (whileRunning === '' && line.includes('attempt 0, step')) {
      whileRunning = line;
      expect((await podsOf(namespace, 'search')).some(isRunning), 'the pod that printed it still runs').toBe(true);
      expect((await stageOf(handle, 'search')).state).toBe('running');
    }
  }
  expect((await following).exitCode).toBe(0);
  // Every line appears once and in order. The shard that fails first ends the other.
  const told = [0, 1].map((part) => stepsOf(lines, `search ${part} main | attempt 0, step `));
  for (const steps of told) expect(steps).toEqual(steps.map((_, index) => index + 1));
  expect(Math.max(...told.map(({ length }) => length))).toBe(STEPS);
  expect(lines).toContainEqual(expect.stringMatching(/^search [01] main \| a toy fault: exit code 70$/));
  expect(lines, 'of the second execution too').toContainEqual(
    expect.stringMatching(/^search [01] main \| a toy fault: exit code 65$/),
  );

  await handle.result().catch(() => undefined);
  expect((await orrery('logs', 'talks', 'prepare')).stdout, 'of a success, from its pod').toContain(
    'prepare 0 main | ',
  );
  const { key } = await stageOf(handle, 'search');
  for (const { metadata } of await jobsOf(namespace)) {
    await namespace.admin
      .makeApiClient(BatchV1Api)
      .deleteNamespacedJob({ name: metadata?.name ?? '', namespace: namespace.name, propagationPolicy: 'Background' });
  }
  await eventually('the pods are gone', async () => (await podsOf(namespace)).length === 0);
  const kept = [0, 1].flatMap((attempt) =>
    [0, 1].map((part) => readIfThere(logPath(stageDir(store, key ?? ''), attempt, part, 'main'))),
  );
  expect(kept.join('')).toContain('a toy fault: exit code 70');
  expect((await orrery('logs', 'talks', 'search')).stdout, 'of the last execution').toContain(
    'a toy fault: exit code 65',
  );
  const ofSuccess = await orrery('logs', 'talks', 'prepare');
  expect(ofSuccess.exitCode).toBe(66);
  expect(ofSuccess.stderr).toContain('the store keeps those of failures');
});

const stepsOf = (lines: readonly string[], source: string): number[] =>
  lines.flatMap((line) => (line.startsWith(source) ? [Number(line.slice(source.length))] : []));

/** If both shards fail at once, perhaps only one of them could print its failure. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
