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

/** Claims one attempt for each execution, one after the other. */
async function claimEach(stage: string, ...executions: string[]): Promise<(number | null)[]> {
  const attempts: (number | null)[] = [];
  for (const execution of executions) {
    attempts.push(await claimAfter(stage, (await latestClaim(stage))?.attempt ?? null, 'demo/search', execution));
  }
  return attempts;
}

test('attempts count from 0, and the last one is the current claim', async () => {
  const stage = aFolder();
  expect(await latestClaim(stage)).toBeNull();
  expect(await claimEach(stage, 'run/0', 'run/1')).toEqual([0, 1]);
  expect(await latestClaim(stage)).toMatchObject({ attempt: 1, owner: 'demo/search', execution: 'run/1' });
});

test('exactly one of several concurrent executions gets the attempt', async () => {
  const stage = aFolder();
  const executions = Array.from({ length: 12 }, (_, index) => `run/${index}`);
  const attempts = await Promise.all(executions.map((execution) => claimAfter(stage, null, 'demo', execution)));
  expect(attempts.filter((attempt) => attempt === 0)).toHaveLength(1);
  expect(attempts.filter((attempt) => attempt === null)).toHaveLength(11);
});

test('an execution that claims several times at once gets only one attempt', async () => {
  const stage = aFolder();
  const attempts = await Promise.all(Array.from({ length: 8 }, () => claimAfter(stage, null, 'demo', 'run/0')));
  expect(new Set(attempts.filter((attempt) => attempt !== null))).toEqual(new Set([0]));
  // Calls that lost against another call of the same execution find its claim when they try again.
  expect(await claimAfter(stage, null, 'demo', 'run/0')).toBe(0);
});

test('only a later attempt fences an attempt', async () => {
  const stage = aFolder();
  await claimEach(stage, 'run/0');
  expect(await isFenced(stage, 0)).toBe(false);
  await claimEach(stage, 'run/1');
  expect([await isFenced(stage, 0), await isFenced(stage, 1)]).toEqual([true, false]);
});

test('a claim that is released twice keeps the first time', async () => {
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
    'keeps its number, and the error names its file: %s',
    async (text) => {
      const stage = aFolder();
      put(stage, 'claims/00000.json', text);
      expect(await latestClaim(stage)).toMatchObject({
        attempt: 0,
        owner: '',
        execution: '',
        unreadable: expect.stringContaining(claimPath(stage, 0)),
      });
      expect(await firstClaimedAt(stage)).toMatch(/^\d{4}-/);
      expect(await claimAfter(stage, 0, 'demo', 'run/1')).toBe(1);
      expect(await isFenced(stage, 0)).toBe(true);
    },
  );

  test('can be released, and its content is kept in a copy', async () => {
    const stage = aFolder();
    put(stage, 'claims/00000.json', '{"attempt":0,"own');
    await releaseClaim(stage, 0);
    expect((await latestClaim(stage))?.released).toBeDefined();
    expect(await readText(`${claimPath(stage, 0)}.unreadable`)).toBe('{"attempt":0,"own');
  });

  test('may be a folder or a FIFO', async () => {
    const stage = aFolder();
    mkdirSync(claimPath(stage, 0), { recursive: true });
    execFileSync('mkfifo', [claimPath(stage, 1)]);
    expect(await latestClaim(stage)).toMatchObject({ attempt: 1, unreadable: expect.stringMatching(/regular file/) });
    expect(await firstClaimedAt(stage)).toMatch(/^\d{4}-/);
  });

  test('counts as being written while it is new and empty', async () => {
    const stage = aFolder();
    put(stage, 'claims/00000.json', '');
    await expect(latestClaim(stage)).rejects.toMatchObject({ code: 'EBUSY' });
    utimesSync(claimPath(stage, 0), 1e9, 1e9);
    expect(await latestClaim(stage)).toMatchObject({ attempt: 0, owner: '' });
  });
});

test('a claim follows the latest attempt that the caller knows, and a repeated request with its token gets it again', async () => {
  const stage = aFolder();
  expect(await claimAfter(stage, null, 'demo/search', 'run/0')).toBe(0);
  expect(await claimAfter(stage, null, 'demo/search', 'run/0')).toBe(0);
  expect(await claimAfter(stage, 0, 'demo/search', 'run/1')).toBe(1);
});

test('nothing is claimed when another claim came first, so the caller must look at that one', async () => {
  const stage = aFolder();
  await claimAfter(stage, null, 'demo/search', 'run/0');
  expect(await claimAfter(stage, null, 'other/search', 'run/0')).toBeNull();
  const both = await Promise.all(['a', 'b'].map((owner) => claimAfter(stage, 0, owner, 'run/0')));
  expect(both.filter((attempt) => attempt === 1)).toHaveLength(1);
  expect(both.filter((attempt) => attempt === null)).toHaveLength(1);
});

test('the time of the first claim is the start of the stage', async () => {
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
