import { describe, expect, test } from 'vitest';
import { parseCampaignSpec } from '../../spec/index.ts';

const FILE = { name: 'a', path: 'data/a.jsonl' };
const VALID = {
  name: 'tiny',
  domain: { name: 'change' },
  policy: { type: 'pretrain' },
  data: { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 },
};
const PRETRAINED = { type: 'pretrained', name: 'a/b', uri: '/models/a', revision: 'main' };
const run = (kind: string, settings: object) => ({ stages: { [kind]: { run: settings } } });
const complaintsAbout = (change: object): string => {
  try {
    parseCampaignSpec({ ...VALID, ...change }, 'campaign.yaml');
  } catch (error) {
    return (error as Error).message;
  }
  return 'it was not refused';
};

describe('a setting that cannot work or has no effect is refused before money is spent', () => {
  test.each([
    // Contradictions between fields of a stage.
    {
      change: { stages: { curriculum: { samplesPerPrompt: 2, passRate: { min: 0.1, max: 0.4 } } } },
      want: /stages\.curriculum\.passRate: expected a window/,
    },
    {
      change: { stages: { curriculum: { samplesPerPrompt: 4, passRate: { min: 0, max: 0.2 } } } },
      want: /stages\.curriculum\.passRate: expected a window/,
    },
    { change: { stages: { curriculum: { temperature: 0 } } }, want: /stages\.curriculum\.temperature: .*but got 0/ },
    {
      change: { stages: { pretrain: { model: { hiddenSize: 12, heads: 4 } } } },
      want: /model\.heads: expected hiddenSize \/ heads to be even/,
    },
    {
      change: { stages: { rewrite: { temperature: 0.001 } } },
      want: /rewrite\.temperature: expected 0 or at least 0\.01, but got 0\.001/,
    },
    // Contradictions between stages and arms.
    {
      change: { stages: { search: { method: 'best-of-n', samples: 1 } } },
      want: /search\.samples: expected more solutions/,
    },
    {
      change: {
        stages: { search: { method: 'best-of-n', samples: 3 } },
        arms: [{ name: 'a', wrongBranches: { min: 3, max: 3 } }],
      },
      want: /search\.samples: expected more solutions/,
    },
    { change: { stages: { search: { candidates: 1 } } }, want: /search\.candidates: expected at least 2/ },
    {
      change: {
        stages: { search: { iterations: 1, candidates: 2 } },
        arms: [{ name: 'a', wrongBranches: { min: 2, max: 2 } }],
      },
      want: /search\.iterations: expected more/,
    },
    { change: { stages: { search: { temperature: 0 } } }, want: /search\.temperature: expected a temperature above 0/ },
    {
      change: { arms: [{ name: 'a', searchTraces: 0, merge: false }] },
      want: /arms: expected an arm without search traces .* to set no wrongBranches and no merge/,
    },
    // Settings of `run`.
    ...['pretrain', 'sft', 'rl'].flatMap((kind) => [
      { change: run(kind, { shards: 2 }), want: /run\.shards: expected 1, because a trainer is divided into ranks/ },
      { change: run(kind, { policyServer: { image: 'a' } }), want: /run\.policyServer: expected nothing/ },
    ]),
    ...['search', 'linearise', 'rewrite', 'curriculum', 'evaluate', 'prepare', 'analyse'].map((kind) => ({
      change: run(kind, { ranks: 2 }),
      want: /run\.ranks: expected 1, because only trainers/,
    })),
    ...['prepare', 'analyse'].flatMap((kind) => [
      { change: run(kind, { shards: 2 }), want: /run\.shards: expected 1, because this stage runs as one pod/ },
      { change: run(kind, { resources: { gpus: 1 } }), want: /run\.resources\.gpus: expected 0/ },
    ]),
    {
      change: run('search', { shards: 2, parallelism: 3 }),
      want: /run\.parallelism: expected at most run\.shards/,
    },
    { change: run('search', { policyServer: { engine: 'vllm' } }), want: /policyServer\.engine: expected embedded/ },
    {
      change: run('search', { resources: { gpus: 2 }, policyServer: { engine: 'vllm', tensorParallel: 4 } }),
      want: /policyServer\.tensorParallel: expected at most the GPUs/,
    },
    {
      change: run('search', {
        resources: { gpus: 2 },
        policyServer: { engine: 'vllm', args: ['--served_model_name=x'] },
      }),
      want: /args: expected none of --host/,
    },
    { change: run('sft', { resources: { gpuMemoryGiB: 80 } }), want: /gpuMemoryGiB: expected nothing without GPUs/ },
    {
      change: run('sft', { resources: { memoryGiB: 4 }, kubernetes: { shmGiB: 8 } }),
      want: /shmGiB: expected at most resources\.memoryGiB/,
    },
    {
      change: run('sft', { failures: { Crashed: { backoffSeconds: { initial: 10, max: 5 } } } }),
      want: /backoffSeconds\.initial: expected at most max/,
    },
    // Values that Kubernetes, Temporal or a timer would refuse later.
    {
      change: run('sft', { failures: { NoEffect: { action: 'retry', budget: null } } }),
      want: /sft\.run\.failures\.NoEffect\.budget: expected a number, .* but got null/,
    },
    {
      change: run('sft', { failures: { Crashed: { backoffSeconds: { initial: 0, max: 1e308 } } } }),
      want: /backoffSeconds\.max: expected number to be <=86400, but got 1e\+308/,
    },
    { change: run('sft', { graceSeconds: 2_200_000 }), want: /graceSeconds: expected number to be <=86400/ },
    { change: run('sft', { graceSeconds: 0.5 }), want: /graceSeconds: expected int, but got 0\.5/ },
    { change: run('sft', { resources: { memoryGiB: 0.0001 } }), want: /memoryGiB: expected number to be >=0\.125/ },
    {
      change: run('sft', { image: 'a b; rm -rf /' }),
      want: /run\.image: expected an image, .*but got "a b; rm -rf \/"/,
    },
    { change: run('sft', { kubernetes: { nodeSelector: { 'a b': 'c' } } }), want: /nodeSelector\.a b/ },
    { change: run('sft', { kubernetes: { nodeSelector: { a: 'b c' } } }), want: /nodeSelector\.a: expected letters/ },
    {
      change: run('sft', { kubernetes: { extendedResources: { 'cpu.kubernetes.io/x': 1 } } }),
      want: /extendedResources/,
    },
    {
      change: run('sft', { kubernetes: { tolerations: [{ operator: 'Equal' }] } }),
      want: /tolerations\.0\.operator: expected Exists/,
    },
    {
      change: { policy: { ...PRETRAINED, name: 'x'.repeat(3000) } },
      want: /policy\.name: expected string to have <=200 characters/,
    },
    { change: { policy: { ...PRETRAINED, name: '--port' } }, want: /policy\.name: expected letters/ },
    { change: { policy: { ...PRETRAINED, uri: 'a\0b' } }, want: /policy\.uri: expected text on one line/ },
    {
      change: { policy: { ...PRETRAINED, uri: `/${'x'.repeat(300)}` } },
      want: /policy\.uri: expected names of at most 255 bytes/,
    },
    {
      change: { arms: Array.from({ length: 300 }, (_, index) => ({ name: `a${index}` })) },
      want: /arms: expected array to have <=16 items, but got a list of 300/,
    },
    // Data.
    {
      change: { data: { type: 'files', search: [FILE], benchmarks: [FILE, { ...FILE, path: 'b.jsonl' }] } },
      want: /data\.benchmarks: expected sets with different names/,
    },
    {
      change: { data: { type: 'files', search: [FILE], benchmarks: [FILE], curriculum: [FILE], heldBack: 0.1 } },
      want: /data\.heldBack: expected 0/,
    },
    {
      change: { data: { type: 'files', search: [{ ...FILE, limt: 3 }], benchmarks: [FILE] } },
      want: /data\.search\.0\.limt: no such field here/,
    },
    {
      change: { data: { type: 'files', search: [{ ...FILE, fields: { problm: 'x' } }], benchmarks: [FILE] } },
      want: /data\.search\.0\.fields\.problm: no such field here/,
    },
  ])('$want', ({ change, want }) => {
    expect(complaintsAbout(change)).toMatch(want);
  });

  test.each([
    {
      arms: [{ name: 'direct', searchTraces: 0 }],
      stages: { search: { method: 'best-of-n', samples: 1, temperature: 0 } },
    },
    { stages: { search: { method: 'best-of-n', samples: 2 } } },
    { stages: { curriculum: { samplesPerPrompt: 2, passRate: { min: 0, max: 1 } } } },
    run('search', {
      shards: 4,
      parallelism: 2,
      resources: { gpus: 4 },
      policyServer: { engine: 'vllm', tensorParallel: 4 },
    }),
    run('rl', { kubernetes: { priorityClass: 'x'.repeat(64) } }),
    run('rl', { image: 'registry.example:5000/team/image:v1.2@sha256:'.padEnd(110, '0') }),
    run('rl', {
      kubernetes: {
        extendedResources: { 'rdma/hca_shared_devices_a': 1 },
        nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-H100' },
      },
    }),
  ])('a setting that works is accepted: %j', (change) => {
    expect(complaintsAbout(change)).toBe('it was not refused');
  });
});
