import { expect, test } from 'vitest';
import { readPartsProgress } from '../../store/index.ts';
import { aProgress } from '../support/builders.ts';
import { aFolder, put } from './support.ts';

const told = async (progress: object): Promise<unknown> => {
  const stage = aFolder();
  put(stage, 'progress/00000.json', JSON.stringify(progress));
  return (await readPartsProgress(stage, 1, aProgress().attempt))[0];
};

test('the progress of a pod is read as it is', async () => {
  expect(await told(aProgress())).toEqual(aProgress());
});

test.each([
  [
    'of more metrics than a heartbeat is to carry',
    { metrics: Object.fromEntries([...Array(101).keys()].map((n) => [n, 1])) },
  ],
  ['of a unit that is a book', { unit: 'x'.repeat(101) }],
  ['of a number whose sums are none', { done: 1e300 }],
  ['of more bytes than any', { other: 'x'.repeat(100_000) }],
])('progress %s counts as none', async (_, change) => {
  expect(await told({ ...aProgress(), ...change })).toBeNull();
});
