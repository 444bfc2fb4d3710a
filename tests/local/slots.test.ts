import { describe, expect, test } from 'vitest';
import { parseGpus, visibleGpus } from '../../local/gpus.ts';
import { brokenExclusion, candidates, excludedGpus, nodeName } from '../../local/slots.ts';

const gpus = [0, 1, 2, 3].map((index) => ({ index, memoryGiB: index === 3 ? 24 : 80 }));

describe('a list of GPUs', () => {
  const listed = parseGpus('0, GPU-aaaa-1, 81559\n1, GPU-bbbb-2, 24576\n');

  test('is read from nvidia-smi, and its error messages are ignored', () => {
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

test('the node of a pod is its machine, or its GPUs of the machine', () => {
  expect(nodeName('box', [])).toBe('box');
  expect(nodeName('box', [0, 3])).toBe('box/gpu-0,3');
});

test('exclusions name only GPUs of this machine, each once', () => {
  expect(excludedGpus(['box/gpu-2', 'other/gpu-0', 'box', 'box/gpu-1,2'], 'box')).toEqual([2, 1]);
});

describe('the candidate GPUs', () => {
  test('are those that are not excluded, if they can be enough', () => {
    expect(candidates(gpus, 2, [0, 1])).toEqual([2, 3]);
  });
  test('include those whose exclusion is oldest, if the others can never be enough', () => {
    expect(candidates(gpus, 3, [1, 0])).toEqual([2, 3, 1]);
  });
  test('are never smaller than requested', () => {
    expect(candidates(gpus, 4, [], 80)).toEqual([0, 1, 2]);
  });
});

describe('the message about an exclusion that cannot be kept', () => {
  test.each([
    {
      name: 'names the only machine',
      gpus: 0,
      excluded: ['box'],
      message: 'box is excluded, but it is the only machine',
    },
    { name: 'names a GPU that is needed', gpus: 4, excluded: ['box/gpu-1'], message: 'box/gpu-1 is excluded' },
    { name: 'is null for a GPU that is not needed', gpus: 3, excluded: ['box/gpu-1'], message: null },
    { name: 'is null for another machine', gpus: 0, excluded: ['other'], message: null },
  ])('$name', ({ gpus: count, excluded, message }) => {
    const actual = brokenExclusion(gpus, count, excluded, 'box');
    if (message === null) expect(actual).toBeNull();
    else expect(actual).toContain(message);
  });
});
