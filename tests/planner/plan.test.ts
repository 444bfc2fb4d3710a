import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { inProject } from '../../config/paths.ts';
import { ARCHITECTURES, type CampaignPlan, planOf, pretrainedArchitecture } from '../../planner/index.ts';
import { CampaignSpec, type CampaignSpecInput } from '../../spec/index.ts';

const load = (file: string): CampaignSpecInput => parse(readFileSync(inProject('examples', file), 'utf8')) as never;
const LLAMA = ARCHITECTURES['Llama-3.1-70B'] as NonNullable<(typeof ARCHITECTURES)[string]>;

/** The example with the sizes of the paper, with other settings for one stage. */
function planned(
  change: { plan?: CampaignSpecInput['plan']; rl?: object; sft?: object; search?: object } = {},
): CampaignPlan {
  const { stages = {}, ...example } = load('llama-3.1-70b.yaml');
  const merged = {
    ...example,
    plan: { ...example.plan, ...change.plan },
    stages: {
      ...stages,
      rl: { ...stages.rl, ...change.rl },
      sft: { ...stages.sft, ...change.sft },
      search: { ...stages.search, ...change.search },
    },
  };
  return planOf(CampaignSpec.parse(merged), LLAMA);
}
const stageOf = (plan: CampaignPlan, name: string) => {
  const stage = plan.stages.find((one) => one.name === name);
  if (stage === undefined) throw new Error(`expected a stage ${name}`);
  return stage;
};

test('the campaign of the paper fits, with the GPUs and hours of the paper', () => {
  const plan = planned();
  expect(plan.complaints).toEqual([]);
  expect(stageOf(plan, 'astro/sft')).toMatchObject({ gpus: 64, nodes: 8 });
  expect((stageOf(plan, 'astro/sft').wallSeconds ?? 0) / 60).toBeGreaterThan(20); // The paper: about 40 minutes.
  expect((stageOf(plan, 'astro/sft').wallSeconds ?? 0) / 60).toBeLessThan(80);
  expect(stageOf(plan, 'astro/rl')).toMatchObject({ gpus: 256, nodes: 32 });
  expect(stageOf(plan, 'astro/rl').trainer?.rl).toMatchObject({ trainerGpus: 128, rolloutGpus: 128 });
  expect((stageOf(plan, 'astro/rl').wallSeconds ?? 0) / 86_400).toBeCloseTo(10, 0);
});

test('arms run in parallel: the wall time is that of the longer chain, and the GPUs add up', () => {
  const plan = planned();
  const chain = [
    'prepare',
    'search',
    'astro/linearise',
    'astro/rewrite',
    'astro/sft',
    'astro/curriculum',
    'astro/rl',
    'astro/evaluate-rl',
    'analyse',
  ];
  const longest = chain.reduce((sum, name) => sum + (stageOf(plan, name).wallSeconds ?? Number.NaN), 0);
  expect(plan.wallSeconds).toBeCloseTo(longest, 3);
  expect(plan.mostGpus).toBe(512);
});

test('the message for a micro-batch that is too large names the largest one that fits', () => {
  const { complaints } = planned({ rl: { microBatchSize: 4 } });
  expect(complaints).toHaveLength(1);
  expect(complaints[0]).toMatchObject({ field: 'stages.rl.microBatchSize' });
  expect(complaints[0]?.message).toMatch(/^expected at most 1, but got 4: /);
});

test('the message for a gang that is too small names the number of nodes that it needs', () => {
  const { complaints } = planned({ sft: { run: { ranks: 1, resources: { gpus: 8 } } } });
  expect(complaints.map(({ field }) => field)).toEqual(['stages.sft.run.ranks']);
  expect(complaints[0]?.message).toContain('one sequence per GPU fits on 3 nodes or more');
});

test('the message for a policy server that is too small names the tensor parallel size that it needs', () => {
  const { complaints } = planned({ search: { run: { shards: 4, resources: { gpus: 1 } } } });
  expect(complaints.map(({ field }) => field)).toEqual(['stages.search.run.resources.gpus']);
  expect(complaints[0]?.message).toMatch(/; it fits with tensor parallel \d$/);
});

test('more GPU memory than the planned GPU has is refused', () => {
  const fields = planned({ plan: { gpu: 'A100-40' } }).complaints.map(({ field }) => field);
  expect(fields).toContain('stages.search.run.resources.gpuMemoryGiB');
});

test('a longer step of RL makes a longer campaign', () => {
  const quick = planned({ plan: { secondsPerRlStep: 100 } });
  const slow = planned({ plan: { secondsPerRlStep: 200 } });
  expect((slow.wallSeconds ?? 0) - (quick.wallSeconds ?? 0)).toBeCloseTo(100 * 1000, 3);
});

test('half of the pods at the same time take twice as long', () => {
  const { wallSeconds: all } = stageOf(planned(), 'search');
  const run = { shards: 32, parallelism: 16, resources: { gpus: 8 } };
  const half = stageOf(planned({ search: { run } }), 'search');
  expect(half).toMatchObject({ pods: 32, atOnce: 16, gpus: 128, nodes: 16 });
  expect(half.wallSeconds).toBeCloseTo(2 * (all ?? 0), 3);
});

test('best-of-N generates only its samples, which are whole solutions', () => {
  const plan = (samples: number) => stageOf(planned({ search: { method: 'best-of-n', samples } }), 'search');
  const [two, many, tree] = [plan(2).work, plan(64).work, stageOf(planned(), 'search').work];
  expect(many.generated).toBe(32 * two.generated);
  // With rollouts of equal length: 32 iterations x 8 candidates x 16 rollouts, plus the candidates themselves.
  expect(tree.generated).toBeGreaterThan(32 * 8 * 8 * two.generated);
  expect(many.longest).toBeLessThan(tree.longest); // no path to go on from
});

test('a model on CPUs has no forecast of time, because it would be wrong', () => {
  const spec = CampaignSpec.parse(load('tiny.yaml'));
  const plan = planOf(spec, pretrainedArchitecture(spec.stages.pretrain.model));
  expect(plan).toMatchObject({ wallSeconds: null, gpuHours: 0, mostGpus: 0, complaints: [] });
});

test('counted problems replace the assumed ones', () => {
  const spec = CampaignSpec.parse(load('llama-3.1-70b.yaml'));
  const work = (search?: number) =>
    stageOf(planOf(spec, LLAMA, search === undefined ? {} : { search }), 'search').work.generated;
  expect(work(2070)).toBeCloseTo(work() / 10, 0);
});
