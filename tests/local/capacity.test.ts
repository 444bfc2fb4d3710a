import { describe, expect, it, test } from 'vitest';
import { type Capacity, machineCapacity, refusalFor } from '../../local/index.ts';
import { type Resources, STAGE_CONFIGS } from '../../spec/index.ts';

const laptop: Capacity = { cpus: 8, memoryGiB: 16, gpuMemoryGiB: [] };
const server: Capacity = { cpus: 64, memoryGiB: 512, gpuMemoryGiB: [80, 80, 24] };
const sft = (resources: Partial<Resources>, ranks = 1) => ({
  name: 'astro/sft',
  kind: 'sft' as const,
  config: STAGE_CONFIGS.sft.parse({ batchSize: 64, run: { ranks, resources } }),
});

describe('refusal', () => {
  it.each([
    { name: 'a stage that fits is not refused', stage: sft({ cpus: 8, memoryGiB: 16 }), on: laptop, want: null },
    { name: 'pods may share cores', stage: sft({ cpus: 8 }, 4), on: laptop, want: null },
    { name: 'a pod may not request more cores than exist', stage: sft({ cpus: 9 }), on: laptop, want: '9 cores' },
    { name: 'a GPU is refused if there is none', stage: sft({ gpus: 1 }), on: laptop, want: '1 GPUs' },
    { name: 'the GPUs of all ranks must exist', stage: sft({ gpus: 2 }, 2), on: server, want: '4 GPUs (2 x 2)' },
    {
      name: 'GPUs that are too small do not count',
      stage: sft({ gpus: 3, gpuMemoryGiB: 80 }),
      on: server,
      want: 'of 80 GiB',
    },
    {
      name: 'a GPU sold as 80 GB counts as such although it reports less',
      stage: sft({ gpus: 1, gpuMemoryGiB: 80 }),
      on: { ...server, gpuMemoryGiB: [79.65] },
      want: null,
    },
    {
      name: 'the memory of all ranks must exist',
      stage: sft({ memoryGiB: 9 }, 2),
      on: laptop,
      want: '18 GiB of memory',
    },
  ])('$name', ({ stage, on, want }) => {
    const refusal = refusalFor(stage, on);
    if (want === null) expect(refusal).toBeNull();
    else expect(refusal).toContain(want);
  });

  it('names the stage, the request, the resources, and what to do', () => {
    expect(refusalFor(sft({ gpus: 8 }), laptop)).toBe(
      'stage astro/sft asks for 8 GPUs (1 x 8), but this machine has 0; lower run.resources.gpus, or run the campaign on a cluster',
    );
  });
});

test('vLLM is refused', () => {
  const config = STAGE_CONFIGS.search.parse({ run: { resources: { gpus: 1 }, policyServer: { engine: 'vllm' } } });
  expect(refusalFor({ name: 'search', kind: 'search', config }, server)).toContain('only on Kubernetes');
});

test('this machine has at least one core and some memory', () => {
  expect(machineCapacity().cpus).toBeGreaterThanOrEqual(1);
  expect(machineCapacity().memoryGiB).toBeGreaterThan(0);
});
