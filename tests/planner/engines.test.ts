import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { inProject, PROJECT } from '../../config/paths.ts';
import { unsupportedIn } from '../../planner/index.ts';
import { CampaignSpec, type CampaignSpecInput } from '../../spec/index.ts';
import { ANY_SIZE } from '../support/engines.ts';

const example = (file: string): CampaignSpecInput => parse(readFileSync(inProject('examples', file), 'utf8')) as never;
const LLAMA = 'llama-3.1-70b.yaml';

/** The tiny example with other settings for some stages. */
function tiny(stages: Record<string, object>, rest: object = {}): CampaignSpec {
  const spec = example('tiny.yaml');
  const merged = Object.fromEntries(
    Object.entries(stages).map(([kind, config]) => [kind, { ...(spec.stages?.[kind as 'rl'] as object), ...config }]),
  );
  return CampaignSpec.parse({ ...spec, ...rest, stages: { ...spec.stages, ...merged } });
}
const fieldsOf = (spec: CampaignSpec) => unsupportedIn(spec).map(({ field }) => field);
const withGpus = (gpus: number, more: object = {}) => ({ run: { resources: { gpus, ...more } } });
const pretrained = (name: string, uri = '/models/x') => ({ policy: { type: 'pretrained', name, uri, revision: '1' } });

describe('the campaign of the paper', () => {
  test('is refused, because its SFT and RL need more GPUs and memory than a rank of these trainers can use', () => {
    const complaints = unsupportedIn(CampaignSpec.parse(example(LLAMA)));
    expect(complaints.map(({ field }) => field)).toEqual([
      'stages.sft.run.resources.gpus',
      'stages.sft.run.resources.gpuMemoryGiB',
      'stages.rl.run.resources.gpus',
      'stages.rl.run.resources.gpuMemoryGiB',
    ]);
    expect(complaints[0]?.message).toBe(
      'expected at most 1, but got 8: a rank of these trainers uses 1 GPU; set more run.ranks with one GPU each',
    );
    expect(complaints[1]?.message).toMatch(/^expected at least 1,052 GiB .* but got 80 GiB: .*until: rewrite$/);
  });

  test('is accepted when it ends before the first stage that cannot run', () => {
    expect(unsupportedIn(CampaignSpec.parse({ ...example(LLAMA), until: 'rewrite' }))).toEqual([]);
  });

  test('is accepted with trainers that shard the policy over all GPUs of a pod, as in a simulation', () => {
    expect(unsupportedIn(CampaignSpec.parse(example(LLAMA)), ANY_SIZE)).toEqual([]);
  });
});

test.each(['countdown.yaml', 'math-small.yaml', 'tiny.yaml', 'tiny-full.yaml', 'tiny-short.yaml'])(
  'the programs can run examples/%s',
  (file) => expect(unsupportedIn(CampaignSpec.parse(example(file)))).toEqual([]),
);

const withVllm = (gpus: number, settings: object = {}) => ({
  run: { resources: { gpus }, policyServer: { engine: 'vllm', ...settings } },
});

describe('an unsupported setting is refused:', () => {
  test.each<{ what: string; spec: CampaignSpec; fields: string[] }>([
    { what: 'a second GPU of a trainer', spec: tiny({ rl: withGpus(2) }), fields: ['stages.rl.run.resources.gpus'] },
    {
      what: 'a second rank of pretrain',
      spec: tiny({ pretrain: { run: { ranks: 2 } } }),
      fields: ['stages.pretrain.run.ranks'],
    },
    {
      what: 'a second GPU of the embedded policy server',
      spec: tiny({ search: withGpus(2) }),
      fields: ['stages.search.run.resources.gpus'],
    },
    {
      what: 'settings of vLLM for the embedded policy server',
      spec: tiny({ search: { run: { policyServer: { tensorParallel: 2, contextTokens: 256, args: ['--x'] } } } }),
      fields: ['tensorParallel', 'contextTokens', 'args'].map((name) => `stages.search.run.policyServer.${name}`),
    },
    {
      what: 'weights at an address',
      spec: tiny({}, pretrained('mine', 'hf://meta-llama/x')),
      fields: ['policy.uri'],
    },
    {
      what: 'a policy whose training state fits neither on a GPU nor in the memory of a pod',
      spec: tiny({ sft: withGpus(1), rl: { run: { resources: { memoryGiB: 64 } } } }, pretrained('Qwen2.5-32B')),
      fields: ['stages.sft.run.resources.gpus', 'stages.rl.run.resources.memoryGiB'],
    },
    {
      what: 'a policy whose weights do not fit on the GPU of the embedded policy server',
      spec: tiny({ evaluate: withGpus(1, { gpuMemoryGiB: 40 }) }, { ...pretrained('Qwen2.5-32B'), until: 'sft' }),
      fields: ['stages.evaluate.run.resources.gpuMemoryGiB'],
    },
    {
      what: 'attention heads that the GPUs of a vLLM server cannot divide, and a longer context than that of the policy',
      spec: tiny(
        {
          search: withVllm(8, { tensorParallel: 3, contextTokens: 200_000 }),
          linearise: withVllm(6),
          evaluate: withVllm(8, { contextTokens: 200_000, args: ['--rope-scaling', '{}'] }),
        },
        { ...pretrained('meta-llama/Llama-3.1-70B-Instruct'), until: 'linearise' },
      ),
      fields: [
        ...['tensorParallel', 'contextTokens'].map((name) => `stages.search.run.policyServer.${name}`),
        'stages.linearise.run.policyServer.tensorParallel',
      ],
    },
  ])('$what', ({ spec, fields }) => expect(fieldsOf(spec)).toEqual(fields));

  test('except in stages that the campaign does not reach', () => {
    expect(fieldsOf(tiny({ rl: withGpus(2) }, { until: 'curriculum' }))).toEqual([]);
  });
});

test('the planner and the trainers refuse the same settings', async () => {
  const cases = (['pretrain', 'sft', 'rl'] as const).flatMap((kind) =>
    [0, 1, 2, 8].flatMap((gpus) => [1, 2].map((ranks) => ({ kind, gpus, ranks }))),
  );
  const program = `
import json, sys
from orrery_trainers.training.capabilities import refuse_idle_gpus, refuse_ranks
from orrery_trainers.pod.failures import InvalidInput
def refuses(check, *given):
    try:
        check(*given)
    except InvalidInput:
        return True
    return False
print(json.dumps([
    refuses(refuse_idle_gpus, one["kind"], one["gpus"]) or refuses(refuse_ranks, one["kind"], one["ranks"])
    for one in json.load(sys.stdin)
]))`;
  const { stdout } = await execa(inProject('.venv/bin/python'), ['-c', program], {
    cwd: PROJECT,
    env: { PYTHONPATH: inProject('trainers') },
    input: JSON.stringify(cases),
  });
  const door = cases.map(({ kind, gpus, ranks }) => {
    const batch = kind === 'sft' ? { batchSize: 64 } : kind === 'rl' ? { promptsPerStep: 64 } : {};
    const run = { ranks, resources: { gpus } };
    return fieldsOf(tiny({ [kind]: { ...batch, ...(kind !== 'pretrain' && { microBatchSize: 1 }), run } })).length > 0;
  });
  expect(door).toEqual(JSON.parse(stdout));
  expect(new Set(door)).toEqual(new Set([true, false]));
});
