import { execFileSync } from 'node:child_process';
import { mkdirSync, utimesSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  claimAfter,
  claimPath,
  firstClaimedAt,
  isFenced,
  latestClaim,
  readText,
  releaseClaim,
} from '../../store/index.ts';
import { aFolder, put } from './support.ts';

/** Claims for one execution after the other. */
async function claimEach(stage: string, ...executions: string[]): Promise<(number | null)[]> {
  const attempts: (number | null)[] = [];
  for (const execution of executions) {
    attempts.push(await claimAfter(stage, (await latestClaim(stage))?.attempt ?? null, 'demo/search', execution));
  }
  return attempts;
}

test('attempts count from 0, and the last is in force', async () => {
  const stage = aFolder();
  expect(await latestClaim(stage)).toBeNull();
  expect(await claimEach(stage, 'run/0', 'run/1')).toEqual([0, 1]);
  expect(await latestClaim(stage)).toMatchObject({ attempt: 1, owner: 'demo/search', execution: 'run/1' });
});

test('of many at the same time one gets the attempt, and the others get none', async () => {
  const stage = aFolder();
  const executions = Array.from({ length: 12 }, (_, index) => `run/${index}`);
  const attempts = await Promise.all(executions.map((execution) => claimAfter(stage, null, 'demo', execution)));
  expect(attempts.filter((attempt) => attempt === 0)).toHaveLength(1);
  expect(attempts.filter((attempt) => attempt === null)).toHaveLength(11);
});

test('one execution that asks many times at once gets no second attempt', async () => {
  const stage = aFolder();
  const attempts = await Promise.all(Array.from({ length: 8 }, () => claimAfter(stage, null, 'demo', 'run/0')));
  expect(new Set(attempts.filter((attempt) => attempt !== null))).toEqual(new Set([0]));
  // Those that lost to themselves look again, and find it theirs.
  expect(await claimAfter(stage, null, 'demo', 'run/0')).toBe(0);
});

test('an attempt is fenced by a later one, and by that alone', async () => {
  const stage = aFolder();
  await claimEach(stage, 'run/0');
  expect(await isFenced(stage, 0)).toBe(false);
  await claimEach(stage, 'run/1');
  expect([await isFenced(stage, 0), await isFenced(stage, 1)]).toEqual([true, false]);
});

test('a claim is released once, and keeps the first time', async () => {
  const stage = aFolder();
  await claimEach(stage, 'run/0');
  expect((await latestClaim(stage))?.released).toBeUndefined();
  await releaseClaim(stage, 0);
  const first = await latestClaim(stage);
  expect(first?.released).toBeDefined();
  await releaseClaim(stage, 0);
  expect(await latestClaim(stage)).toEqual(first);
});

describe('a claim that does not parse', () => {
  test.each(['{"attempt":0}', '{"attempt":0,"own', '[]'])(
    'holds its number, and is told by its name: %s',
    async (text) => {
      const stage = aFolder();
      put(stage, 'claims/00000.json', text);
      expect(await latestClaim(stage)).toMatchObject({
        ...{ attempt: 0, owner: '', execution: '' },
        unreadable: expect.stringContaining(claimPath(stage, 0)),
      });
      expect(await firstClaimedAt(stage)).toMatch(/^\d{4}-/);
      expect(await claimAfter(stage, 0, 'demo', 'run/1')).toBe(1);
      expect(await isFenced(stage, 0)).toBe(true);
    },
  );

  test('is released all the same, and kept beside', async () => {
    const stage = aFolder();
    put(stage, 'claims/00000.json', '{"attempt":0,"own');
    await releaseClaim(stage, 0);
    expect((await latestClaim(stage))?.released).toBeDefined();
    expect(await readText(`${claimPath(stage, 0)}.unreadable`)).toBe('{"attempt":0,"own');
  });

  test('and is a folder or a FIFO is one too', async () => {
    const stage = aFolder();
    mkdirSync(claimPath(stage, 0), { recursive: true });
    execFileSync('mkfifo', [claimPath(stage, 1)]);
    expect(await latestClaim(stage)).toMatchObject({ attempt: 1, unreadable: expect.stringMatching(/regular file/) });
    expect(await firstClaimedAt(stage)).toMatch(/^\d{4}-/);
  });

  test('and is empty is waited for as long as it may be one that is being written', async () => {
    const stage = aFolder();
    put(stage, 'claims/00000.json', '');
    await expect(latestClaim(stage)).rejects.toMatchObject({ code: 'EBUSY' });
    utimesSync(claimPath(stage, 0), 1e9, 1e9);
    expect(await latestClaim(stage)).toMatchObject({ attempt: 0, owner: '' });
  });
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

test.each([
  ['longer than any', 'x'.repeat(10_000)],
  ['of half a surrogate pair', '\ud800'],
  ['of several lines', 'demo\nsearch'],
])('a claim whose owner is a text %s is unreadable, so that nobody asks Temporal for it', async (_, owner) => {
  const stage = aFolder();
  const claim = { attempt: 0, owner, execution: 'run/0', claimedAt: '2026-01-01T00:00:00Z' };
  put(stage, 'claims/00000.json', JSON.stringify(claim));
  expect(await latestClaim(stage)).toMatchObject({ attempt: 0, owner: '', unreadable: expect.stringMatching(/owner/) });
});
