import { expect, test } from 'vitest';
import {
  ARCHITECTURES,
  type Architecture,
  cacheBytesPerToken,
  fewestNodes,
  GIB,
  inferencePlan,
  parametersOf,
  rlPlan,
  stateBytes,
  type TrainingInput,
  trainingMemory,
  weightBytes,
} from '../../planner/index.ts';
import type { GpuName } from '../../spec/index.ts';

/**
 * Published figures that the planner must reproduce. Each row names its source, and docs/planner.md links the sources.
 */

const model = (name: string): Architecture => {
  const found = ARCHITECTURES[name];
  if (found === undefined) throw new Error(`expected a published architecture, but got ${name}`);
  return found;
};
/** Llama 2 70B is Llama 3.1 70B with a smaller vocabulary. Source: its config.json. */
const LLAMA_2_70B: Architecture = { ...model('Llama-3.1-70B'), vocabulary: 32_000, contextTokens: 4096 };

// Source: the number of parameters in the safetensors index of each model on Hugging Face.
test.each([
  ['Llama-3.1-8B', 8_030_261_248],
  ['Llama-3.1-70B', 70_553_706_496],
  ['Llama-3.1-405B', 405_853_388_800],
  ['Qwen2.5-7B', 7_615_616_512],
  ['Qwen2.5-32B', 32_763_876_352],
  ['Qwen2.5-72B', 72_706_203_648],
  ['SmolLM2-135M', 134_515_008],
])('%s has its published %i parameters', (name, parameters) => {
  expect(parametersOf(model(name))).toBe(parameters);
});

// Source: Hugging Face, "Llama 3.1", inference memory: GB of weights in 16 bits and fp8, GiB of KV cache at 1k, 16k,
// 128k tokens.
test.each([
  { name: 'Llama-3.1-8B', gb16: 16, gb8: 8, cache: [0.125, 1.95, 15.62] },
  { name: 'Llama-3.1-70B', gb16: 140, gb8: 70, cache: [0.313, 4.88, 39.06] },
  // The table uses the 16 heads of keys and values of the first upload of 405B, which had each of the 8 heads twice.
  { name: 'Llama-3.1-405B', gb16: 810, gb8: 405, cache: [0.984 / 2, 15.38 / 2, 123.05 / 2] },
])('weights and cache of $name match the published table', ({ name, gb16, gb8, cache }) => {
  expect(weightBytes(model(name), 'bf16') / 1e9).toBeCloseTo(gb16, -1);
  // The table counts one byte per parameter, but published fp8 checkpoints keep embeddings in bf16.
  expect(weightBytes(model(name), 'fp8') / 1e9 / gb8).toBeGreaterThan(0.99);
  expect(weightBytes(model(name), 'fp8') / 1e9 / gb8).toBeLessThan(1.15);
  const perToken = cacheBytesPerToken(model(name));
  [1024, 16_000, 128_000].forEach((tokens, index) => {
    expect((perToken * tokens) / GIB).toBeCloseTo(cache[index] ?? 0, 1);
  });
});

test('the training state of 405B in bf16 is the published 3.25 TB', () => {
  // Source: Hugging Face, "Llama 3.1", training memory.
  expect(stateBytes(model('Llama-3.1-405B'), 'bf16') / 1e12).toBeCloseTo(3.25, 2);
});

const LAMBDA = 'Lambda, vLLM benchmark, table "Max Context Length"';
const REPORT = 'The Llama 3 Herd of Models (arXiv 2407.21783), section 6.1';
test.each([
  { what: '70B fp8 on 1 H100 up to 4k', name: '70B', dtype: 'fp8', gpus: 1, context: 4096, fits: true, source: LAMBDA },
  {
    what: '70B fp8 on 1 H100 no more',
    name: '70B',
    dtype: 'fp8',
    gpus: 1,
    context: 16_384,
    fits: false,
    source: LAMBDA,
  },
  { what: '70B fp8 on 2 at 128k', name: '70B', dtype: 'fp8', gpus: 2, context: 131_072, fits: true, source: LAMBDA },
  { what: '405B fp8 on 8 at 128k', name: '405B', dtype: 'fp8', gpus: 8, context: 131_072, fits: true, source: LAMBDA },
  { what: '405B fp8 not on 4', name: '405B', dtype: 'fp8', gpus: 4, context: 1024, fits: false, source: LAMBDA },
  { what: '8B fp8 on 1 at 128k', name: '8B', dtype: 'fp8', gpus: 1, context: 131_072, fits: true, source: LAMBDA },
  {
    what: '405B bf16 not on one node of 8',
    name: '405B',
    dtype: 'bf16',
    gpus: 8,
    context: 1024,
    fits: false,
    source: REPORT,
  },
  {
    what: '405B bf16 on two nodes',
    name: '405B',
    dtype: 'bf16',
    gpus: 16,
    context: 131_072,
    fits: true,
    source: REPORT,
  },
  {
    what: '70B bf16 on 4 at 2k',
    name: '70B',
    dtype: 'bf16',
    gpus: 4,
    context: 2048,
    fits: true,
    source: 'Lambda, vLLM benchmark, "vLLM v0.5.4 v.s. v0.6.0": tp=4',
  },
  {
    what: '70B bf16 on one node of 8 at 128k',
    name: '70B',
    dtype: 'bf16',
    gpus: 8,
    context: 131_072,
    fits: true,
    source: 'Hugging Face, "Llama 3.1": 140 GB and 39 GB of cache in 640',
  },
  {
    what: '70B bf16 on 2 not at 128k',
    name: '70B',
    dtype: 'bf16',
    gpus: 2,
    context: 131_072,
    fits: false,
    source: 'the same table, in 160',
  },
] as const)('inference: $what ($source)', ({ name, dtype, gpus, context, fits }) => {
  const input = { architecture: model(`Llama-3.1-${name}`), gpu: 'H100', dtype, contextTokens: context } as const;
  expect(inferencePlan(input, gpus).memory.fits).toBe(fits);
});

const training = (given: Partial<TrainingInput> & Pick<TrainingInput, 'gpus' | 'architecture'>): boolean =>
  trainingMemory({
    gpu: 'A100-80' as GpuName,
    precision: 'fp32-master',
    offload: 'none',
    chunkedLoss: false,
    microBatch: 1,
    sequenceTokens: 2048,
    reference: false,
    ...given,
  }).fits;

// The authors have run each of these configurations, so the planner must not refuse them.
test.each<{ source: string; given: Partial<TrainingInput> & Pick<TrainingInput, 'gpus' | 'architecture'> }>([
  {
    source: 'torchtune, llama3_1/70B_full: 8 A100, bf16, CPU offload, chunked loss, batch 2',
    given: {
      architecture: model('Llama-3.1-70B'),
      gpus: 8,
      precision: 'bf16',
      offload: 'all',
      chunkedLoss: true,
      microBatch: 2,
    },
  },
  {
    source: 'torchtune, llama3_3/70B_full_multinode: 16 H100, bf16, chunked loss, batch 4 of 1,024',
    given: {
      architecture: model('Llama-3.3-70B'),
      gpus: 16,
      gpu: 'H100',
      precision: 'bf16',
      chunkedLoss: true,
      microBatch: 4,
      sequenceTokens: 1024,
    },
  },
  {
    source: 'torchtune, llama3_1/8B_full: 4 GPUs, bf16, batch 2',
    given: { architecture: model('Llama-3.1-8B'), gpus: 4, precision: 'bf16', microBatch: 2 },
  },
  {
    source: 'Hugging Face, "Fine-tuning Llama 2 70B using PyTorch FSDP": 16 A100, bf16 mixed precision, 1 of 2,048',
    given: { architecture: LLAMA_2_70B, gpus: 16 },
  },
  {
    source: 'torchtitan, performance: Llama 3 70B on 64 A100, 1 of 8,192, full checkpointing',
    given: { architecture: model('Llama-3.1-70B'), gpus: 64, sequenceTokens: 8192 },
  },
  {
    source: 'torchtitan, performance: Llama 2 70B on 64 A100, 2 of 4,096, full checkpointing',
    given: { architecture: LLAMA_2_70B, gpus: 64, microBatch: 2, sequenceTokens: 4096 },
  },
  {
    source: 'OpenRLHF, train_ppo_llama_ray_70b: the actor on 4 A100, bf16, Adam offloaded, 1 of 1,024 + 1,024',
    given: { architecture: LLAMA_2_70B, gpus: 4, precision: 'bf16', offload: 'optimizer' },
  },
])('full fine-tuning fits: $source', ({ given }) => {
  expect(training(given)).toBe(true);
});

test('full fine-tuning of 70B in mixed precision does not fit one node of 8 x 80 GB, and 8B does', () => {
  expect(training({ architecture: model('Llama-3.1-70B'), gpus: 8 })).toBe(false);
  expect(training({ architecture: model('Llama-3.1-8B'), gpus: 8, sequenceTokens: 8192 })).toBe(true);
});

test('full fine-tuning of 70B at the 8,192 tokens of the paper needs several nodes, and 405B many', () => {
  const common = {
    gpu: 'H100',
    precision: 'fp32-master',
    offload: 'none',
    chunkedLoss: false,
    reference: false,
  } as const;
  const nodes = (name: string) => fewestNodes({ architecture: model(name), ...common, sequenceTokens: 8192 }, 8) ?? 0;
  expect(nodes('Llama-3.1-70B')).toBeGreaterThan(1);
  expect(nodes('Llama-3.1-70B')).toBeLessThanOrEqual(8); // The paper: 64 H100.
  expect(nodes('Llama-3.1-405B')).toBeGreaterThan(8);
});

const grpo = (
  name: string,
  gpus: number,
  given: Partial<TrainingInput> & { placement?: 'split' | 'colocated' } = {},
) => {
  const { placement = 'colocated', ...trainer } = given;
  const plan = rlPlan({
    trainer: {
      architecture: model(name),
      gpu: 'H100',
      precision: 'fp32-master',
      offload: 'none',
      chunkedLoss: false,
      microBatch: 1,
      sequenceTokens: 2048,
      reference: false,
      ...trainer,
    },
    gpus,
    gpusPerNode: 8,
    placement,
    enough: { sequences: 64, tokens: 1500 },
  });
  return plan.trainerMemory.fits && (plan.generatingMemory?.fits ?? true) && plan.server?.memory.fits === true;
};

// Source: verl, "Resource Needed for verl RL": the smallest clusters that worked, on H800 of 80 GB with FSDP, vLLM and
// full offload.
test.each([
  ['Qwen2.5-7B', 2],
  ['Qwen2.5-72B', 32],
])('GRPO of %s fits the %i GPUs on which verl has run it', (name, gpus) => {
  expect(grpo(name, gpus, { offload: 'all' })).toBe(true);
});

test('GRPO of 70B does not fit one node, and fits the 256 GPUs of the paper with its long completions', () => {
  expect(grpo('Llama-3.1-70B', 8)).toBe(false);
  expect(grpo('Llama-3.1-70B', 8, { placement: 'split' })).toBe(false);
  expect(grpo('Llama-3.1-70B', 256, { placement: 'split', sequenceTokens: 16_384 })).toBe(true);
});

test('the reference policy of a KL term takes its share of memory on every trainer', () => {
  const memory = (reference: boolean) =>
    trainingMemory({
      architecture: model('Llama-3.1-70B'),
      gpu: 'H100',
      precision: 'fp32-master',
      offload: 'none',
      chunkedLoss: false,
      gpus: 128,
      microBatch: 1,
      sequenceTokens: 2048,
      reference,
    }).neededGiB;
  expect((memory(true) - memory(false)) * GIB * 128).toBeCloseTo(2 * 70_553_706_496, -3);
});
