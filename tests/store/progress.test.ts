import { expect, test } from 'vitest';
import { readPartsProgress } from '../../store/index.ts';
import { aProgress } from '../support/builders.ts';
import { aFolder, put } from './support.ts';

const readBack = async (progress: object): Promise<unknown> => {
  const stage = aFolder();
  put(stage, 'progress/00000.json', JSON.stringify(progress));
  return (await readPartsProgress(stage, 1, aProgress().attempt))[0];
};

test('the progress of a pod is read unchanged', async () => {
  expect(await readBack(aProgress())).toEqual(aProgress());
});

test.each([
  [
    'with more metrics than a heartbeat may carry',
    { metrics: Object.fromEntries([...Array(101).keys()].map((n) => [n, 1])) },
  ],
  ['with a unit that is too long', { unit: 'x'.repeat(101) }],
  ['with a number whose sum would overflow', { done: 1e300 }],
  ['in a file that is too large', { other: 'x'.repeat(100_000) }],
])('progress %s counts as missing', async (_, change) => {
  expect(await readBack({ ...aProgress(), ...change })).toBeNull();
});
