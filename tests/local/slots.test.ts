import { describe, expect, test } from 'vitest';
import { parseGpus, visibleGpus } from '../../local/gpus.ts';
import { brokenExclusion, candidates, excludedGpus, nodeName } from '../../local/slots.ts';

const gpus = [0, 1, 2, 3].map((index) => ({ index, memoryGiB: index === 3 ? 24 : 80 }));

describe('a list of GPUs', () => {
  const listed = parseGpus('0, GPU-aaaa-1, 81559\n1, GPU-bbbb-2, 24576\n');

  test('is read from nvidia-smi, and what it says in place of one is not', () => {
    expect(listed.map(({ index, memoryGiB }) => [index, Math.round(memoryGiB)])).toEqual([
      [0, 80],
      [1, 24],
    ]);
    expect(parseGpus('No devices were found\n')).toEqual([]);
    expect(parseGpus('')).toEqual([]);
  });

  test.each([
    { visible: undefined, indices: [0, 1] },
    { visible: '1', indices: [1] },
    { visible: 'GPU-aaaa', indices: [0] },
    { visible: '', indices: [] },
  ])('is cut down to CUDA_VISIBLE_DEVICES=$visible', ({ visible, indices }) => {
    expect(visibleGpus(listed, visible).map(({ index }) => index)).toEqual(indices);
  });
});

test('a pod is named after its machine, or its GPUs of it', () => {
  expect(nodeName('box', [])).toBe('box');
  expect(nodeName('box', [0, 3])).toBe('box/gpu-0,3');
});

test('exclusions name GPUs of this machine alone, each once', () => {
  expect(excludedGpus(['box/gpu-2', 'other/gpu-0', 'box', 'box/gpu-1,2'], 'box')).toEqual([2, 1]);
});

describe('the GPUs to choose from', () => {
  test('are those that are not excluded, as long as they would be enough', () => {
    expect(candidates(gpus, 2, [0, 1])).toEqual([2, 3]);
  });
  test('are joined by the longest excluded ones when they would not', () => {
    expect(candidates(gpus, 3, [1, 0])).toEqual([2, 3, 1]);
  });
  test('are never smaller than asked for', () => {
    expect(candidates(gpus, 4, [], 80)).toEqual([0, 1, 2]);
  });
});

describe('an exclusion that cannot be kept is told', () => {
  test.each([
    { name: 'of the only machine', gpus: 0, excluded: ['box'], words: 'box is excluded, but it is the only machine' },
    { name: 'of a GPU that is needed', gpus: 4, excluded: ['box/gpu-1'], words: 'box/gpu-1 is excluded' },
    { name: 'but not one that can be kept', gpus: 3, excluded: ['box/gpu-1'], words: null },
    { name: 'nor that of another machine', gpus: 0, excluded: ['other'], words: null },
  ])('$name', ({ gpus: count, excluded, words }) => {
    const told = brokenExclusion(gpus, count, excluded, 'box');
    if (words === null) expect(told).toBeNull();
    else expect(told).toContain(words);
  });
});
