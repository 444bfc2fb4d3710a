import { expect, test } from 'vitest';
import {
  claim,
  claimAfter,
  claimPath,
  firstClaimedAt,
  isFenced,
  latestClaim,
  releaseClaim,
} from '../../store/index.ts';
import { aFolder, put } from './support.ts';

test('attempts count from 0, and the last is in force', async () => {
  const stage = aFolder();
  expect(await latestClaim(stage)).toBeNull();
  expect(await claim(stage, 'demo/search', 'run/0')).toBe(0);
  expect(await claim(stage, 'demo/search', 'run/1')).toBe(1);
  expect(await latestClaim(stage)).toMatchObject({ attempt: 1, owner: 'demo/search', execution: 'run/1' });
});

test('asking again for the same execution returns its attempt, also after another has claimed', async () => {
  const stage = aFolder();
  expect(await claim(stage, 'demo/search', 'run/0')).toBe(0);
  expect(await claim(stage, 'other/search', 'run/0')).toBe(1);
  expect(await claim(stage, 'demo/search', 'run/0')).toBe(0);
});

test('many at the same time get one attempt each, without a gap', async () => {
  const stage = aFolder();
  const attempts = await Promise.all(Array.from({ length: 12 }, (_, index) => claim(stage, 'demo', `run/${index}`)));
  expect(attempts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, index) => index));
});

test('one execution that asks many times at once gets one attempt', async () => {
  const stage = aFolder();
  const attempts = await Promise.all(Array.from({ length: 8 }, () => claim(stage, 'demo', 'run/0')));
  expect(new Set(attempts)).toEqual(new Set([0]));
});

test('an attempt is fenced by a later one, and by that alone', async () => {
  const stage = aFolder();
  await claim(stage, 'demo', 'run/0');
  expect(await isFenced(stage, 0)).toBe(false);
  await claim(stage, 'other', 'run/0');
  expect([await isFenced(stage, 0), await isFenced(stage, 1)]).toEqual([true, false]);
});

test('a claim is released once, and keeps the first time', async () => {
  const stage = aFolder();
  await claim(stage, 'demo', 'run/0');
  expect((await latestClaim(stage))?.released).toBeUndefined();
  await releaseClaim(stage, 0);
  const first = await latestClaim(stage);
  expect(first?.released).toBeDefined();
  await releaseClaim(stage, 0);
  expect(await latestClaim(stage)).toEqual(first);
});

test('a claim that does not parse is refused by its name', async () => {
  const stage = aFolder();
  put(stage, 'claims/00000.json', '{"attempt":0}');
  await expect(latestClaim(stage)).rejects.toThrow(claimPath(stage, 0));
});

test('a claim after the latest that one knows of is taken once, and asked for again with its token it is the same', async () => {
  const stage = aFolder();
  expect(await claimAfter(stage, null, 'demo/search', 'run/0')).toBe(0);
  expect(await claimAfter(stage, null, 'demo/search', 'run/0')).toBe(0);
  expect(await claimAfter(stage, 0, 'demo/search', 'run/1')).toBe(1);
});

test('a claim is not made past another that came between: the caller has to look at it first', async () => {
  const stage = aFolder();
  await claimAfter(stage, null, 'demo/search', 'run/0');
  expect(await claimAfter(stage, null, 'other/search', 'run/0')).toBeNull();
  const both = await Promise.all(['a', 'b'].map((owner) => claimAfter(stage, 0, owner, 'run/0')));
  expect(both.filter((attempt) => attempt === 1)).toHaveLength(1);
  expect(both.filter((attempt) => attempt === null)).toHaveLength(1);
});

test('the first claim tells since when a stage is worked on', async () => {
  const stage = aFolder();
  expect(await firstClaimedAt(stage)).toBeNull();
  await claimAfter(stage, null, 'demo/search', 'run/0');
  const first = await firstClaimedAt(stage);
  await claimAfter(stage, 0, 'demo/search', 'run/1');
  expect(await firstClaimedAt(stage)).toBe(first);
});
