import { existsSync } from 'node:fs';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { viewCampaign } from '../../cli/campaigns.ts';
import { binaryPath } from '../../cluster/binaries.ts';
import { kubeconfigPath } from '../../cluster/paths.ts';
import { LABELS } from '../../k8s/labels.ts';
import { isRunning, jobsOf, leftovers, podsOf, startCampaign, statusOf } from '../support/cluster/campaigns.ts';
import { aSmallCampaign, openClusterBench } from '../support/cluster/workbench.ts';

/** Ten stages in a row in one arm, one of them tried again; the other arm fails for good on its way. */
const aTroubledCampaign = () =>
  aSmallCampaign({
    arms: [{ name: 'astro' }, { name: 'direct', searchTraces: 0 }],
    onFailure: 'fail',
    settings: { steps: 3, stepMs: 200, faults: { 'astro/rewrite': [1], 'direct/sft': [65] } },
    run: { rewrite: { failures: { Crashed: { backoffSeconds: { initial: 1, max: 1 } } } } },
  });

test('ten stages in a row, a retry, an arm that fails while the other goes on; status and pods agree twice a second, and kubectl at the end', {
  timeout: 420_000,
}, async () => {
  await using bench = await openClusterBench('toy');
  const { namespace, client } = bench;
  await bench.startWorker();
  const handle = await startCampaign(bench, 'troubled', aTroubledCampaign());
  const ended = handle.result().catch(() => undefined);
  let over = false;
  void ended.then(() => {
    over = true;
  });

  const disagreements: string[] = [];
  let looks = 0;
  while (!over) {
    const [before, pods, after] = [
      await viewCampaign(client, 'troubled').catch(() => null),
      await podsOf(namespace),
      await statusOf(handle).catch(() => null),
    ];
    for (const { name, state } of before?.status?.stages ?? []) {
      const stageAfter = after?.stages.find((stage) => stage.name === name);
      // A moment is only one where nothing changed while it was looked at.
      if (stageAfter?.state !== state) continue;
      const runs = pods.some(
        (pod) => isRunning(pod) && pod.metadata?.labels?.[LABELS.stage] === name.replaceAll('/', '.'),
      );
      looks += 1;
      if (runs && !['running', 'starting', 'pausing'].includes(state))
        disagreements.push(`${name} is ${state}, and a pod runs`);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  await ended;
  expect(looks).toBeGreaterThan(20);
  expect(disagreements).toEqual([]);

  const { stages } = await statusOf(handle);
  const ofArm = (arm: string) => stages.filter((stage) => stage.arm === arm);
  expect(ofArm('astro').map(({ state }) => state)).toEqual(ofArm('astro').map(() => 'completed'));
  expect(stages.filter(({ arm, state }) => arm !== 'direct' && state === 'completed').length).toBeGreaterThanOrEqual(
    10,
  );
  expect(stages.find(({ name }) => name === 'astro/rewrite')).toMatchObject({ executions: 2, failures: 1 });
  expect(stages.find(({ name }) => name === 'direct/sft')).toMatchObject({
    state: 'failed',
    incidents: [{ class: 'InvalidInput' }],
  });

  // Every execution is one Job, and each Job says what became of it.
  for (const { name, executions, state } of stages.filter((stage) => stage.executions > 0)) {
    const jobs = await jobsOf(namespace, name.replaceAll('/', '.'));
    expect(jobs, name).toHaveLength(executions);
    const complete = jobs.filter(({ status }) =>
      status?.conditions?.some(({ type, status: is }) => type === 'Complete' && is === 'True'),
    );
    expect(complete, name).toHaveLength(state === 'completed' ? 1 : 0);
  }
  if (existsSync(binaryPath('kubectl'))) {
    const columns = [LABELS.campaign, LABELS.stage, LABELS.attempt].join(',');
    const { stdout } = await execa(binaryPath('kubectl'), ['get', 'jobs', '-n', namespace.name, '-L', columns], {
      env: { KUBECONFIG: kubeconfigPath() },
    });
    expect(stdout).toMatch(/astro-rewrite\S*\s+Failed .*troubled\s+astro\.rewrite\s+0/);
    expect(stdout).toMatch(/astro-rewrite\S*\s+Complete .*troubled\s+astro\.rewrite\s+1/);
  }
  expect(await leftovers(namespace)).toEqual([]);
});
