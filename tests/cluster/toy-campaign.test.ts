import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { viewCampaign } from '../../cli/campaigns.ts';
import { CommandError, EXIT } from '../../config/command-errors.ts';
import { LABELS } from '../../k8s/manifests/labels.ts';
import {
  type Difference,
  differences,
  lastingDifferences,
  type Moment,
  unmoved,
} from '../support/cluster/agreement.ts';
import {
  isRunning,
  jobsOf,
  podsOf,
  startCampaign,
  statusOf,
  untilNothingIsLeft,
} from '../support/cluster/campaigns.ts';
import { eventually } from '../support/cluster/job-story.ts';
import { jobLines, kubectlJobs, orreryWatch, temporalUi } from '../support/cluster/views.ts';
import { aSmallCampaign, type ClusterBench, openClusterBench } from '../support/cluster/workbench.ts';

/** One arm runs ten stages, one of them twice. The other arm fails. */
const aTroubledCampaign = () =>
  aSmallCampaign({
    arms: [{ name: 'astro' }, { name: 'direct', searchTraces: 0 }],
    onFailure: 'fail',
    settings: { steps: 3, stepMs: 200, faults: { 'astro/rewrite': [1], 'direct/sft': [65] } },
    run: { rewrite: { failures: { Crashed: { backoffSeconds: { initial: 1, max: 1 } } } } },
  });

test('status, orrery watch, the Temporal UI, kubectl and the pods always agree: over ten stages, a retry, and an arm that fails while the other continues', {
  timeout: 420_000,
}, async () => {
  await using bench = await openClusterBench('toy');
  const { namespace } = bench;
  await bench.startWorker();
  const handle = await startCampaign(bench, 'troubled', aTroubledCampaign());
  const watch = orreryWatch('troubled', bench.env);
  let over = false;
  void handle
    .result()
    .catch(() => undefined)
    .then(() => {
      over = true;
    });

  const lasting = lastingDifferences();
  const disagreements = new Set<string>();
  const compared = new Map<string, number>();
  while (!over) {
    const moment = await look(bench, 'troubled', watch.states).catch(noAnswerInTime);
    if (moment === null) continue;
    for (const { name } of unmoved(moment)) compared.set(name, (compared.get(name) ?? 0) + 1);
    for (const words of lasting(differences(moment), Date.now())) disagreements.add(words);
    await sleep(300);
  }
  expect([...disagreements]).toEqual([]);
  // The number of looks depends on the machine, but every stage must have been compared.
  const { stages } = await statusOf(handle);
  expect(Math.min(...stages.map(({ name }) => compared.get(name) ?? 0)), 'comparisons of a stage').toBeGreaterThan(5);

  expect(await watch.ended, 'exit code of orrery watch').toBe(1);
  let left: Difference[] = [];
  await eventually(
    'all tell the same end',
    async () => {
      left = differences(await look(bench, 'troubled', watch.states));
      return left.length === 0;
    },
    10_000,
  ).catch((error: Error) => expect(left, error.message).toEqual([]));

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
  expect(await kubectlJobs(namespace.name)).toEqual(
    expect.arrayContaining([
      { stage: 'astro/rewrite', attempt: 0, status: 'Failed' },
      { stage: 'astro/rewrite', attempt: 1, status: 'Complete' },
    ]),
  );
  // Every execution is one Job, and each Job shows its outcome.
  for (const { name, executions, state } of stages.filter((stage) => stage.executions > 0)) {
    const jobs = await jobsOf(namespace, name.replaceAll('/', '.'));
    expect(jobs, name).toHaveLength(executions);
    const complete = jobs.filter(({ status }) =>
      status?.conditions?.some(({ type, status: is }) => type === 'Complete' && is === 'True'),
    );
    expect(complete, name).toHaveLength(state === 'completed' ? 1 : 0);
  }
  await untilNothingIsLeft(namespace);
});

/** Null if no worker answered in time, as happens on a busy machine: then there is nothing to compare. */
function noAnswerInTime(error: unknown): null {
  if (error instanceof CommandError && error.exitCode === EXIT.unavailable) return null;
  throw error;
}

/** The views of kubectl, of the Temporal UI and of the list of pods, with the status before and after them. */
async function look(
  { client, namespace, uiAddress }: ClusterBench,
  campaign: string,
  watched: ReadonlyMap<string, string>,
): Promise<Moment> {
  const status = async () => {
    const { status } = await viewCampaign(client, campaign);
    if (status === null) throw new Error('the campaign does not say how it stands');
    return status;
  };
  const before = await status();
  const [jobs, ui, pods] = await Promise.all([
    kubectlJobs(namespace.name),
    temporalUi(uiAddress, campaign),
    podsOf(namespace),
  ]);
  const told = new Map(watched);
  const withPods = pods
    .filter(isRunning)
    .map(({ metadata }) => metadata?.labels?.[LABELS.stage]?.replace('.', '/') ?? '');
  return { before, after: await status(), jobs, ui, watched: told, withPods: new Set(withPods) };
}

test('the comparison finds a Job of another attempt, a pod of an ended stage, and a table that disagrees', () => {
  const stage = { name: 'astro/sft', kind: 'sft', state: 'running', attempt: 1, executions: 2 };
  const campaign = { phase: 'running', stages: [stage] } as unknown as Moment['before'];
  const jobs = jobLines(
    [
      'NAME      STATUS    COMPLETIONS   DURATION   AGE   CAMPAIGN   STAGE       ATTEMPT',
      'a-sft-x   Failed    0/1                      9s    a          astro.sft   0',
      'a-sft-y   Running   0/1           2s         2s    a          astro.sft   1',
    ].join('\n'),
  );
  const ui = {
    phase: 'running',
    tag: 'sft',
    open: new Set(['astro/sft']),
    rows: new Map([['astro/sft', { state: 'running', executions: 2 }]]),
  };
  const watched = new Map([['astro/sft', 'running']]);
  const moment: Moment = { before: campaign, after: campaign, jobs, ui, watched, withPods: new Set(['astro/sft']) };
  const words = (change: Partial<Moment>) => differences({ ...moment, ...change }).map((one) => one.words);
  expect(words({})).toEqual([]);
  expect(words({ jobs: jobs.slice(0, 1) })).toContainEqual(expect.stringContaining('newest Job is of 0'));
  expect(words({ ui: { ...ui, rows: new Map([['astro/sft', { state: 'held', executions: 2 }]]) } })).toEqual([
    "astro/sft is running, and the UI's table says held",
  ]);
  const over = { ...campaign, stages: [{ ...stage, state: 'completed' }] } as unknown as Moment['before'];
  expect(words({ before: over, after: over })).toContain('astro/sft is completed, and a pod runs');

  const lasting = lastingDifferences();
  const behind = differences({ ...moment, watched: new Map() });
  expect(lasting(behind, 0)).toEqual([]);
  expect(lasting(behind, 6_000)).toEqual(['astro/sft is running, and orrery watch says pending']);
});
