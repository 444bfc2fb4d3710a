import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/activity';
import { describe, expect, test } from 'vitest';
import { failureOf } from '../../activities/failures.ts';
import { InvalidInputError, remedyOf } from '../../spec/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Errors of a real file system. */
async function thrown(act: () => Promise<unknown>): Promise<NodeJS.ErrnoException> {
  try {
    await act();
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
  throw new Error('nothing was thrown');
}
const coded = (code: string) => Object.assign(new Error(`${code}: something`), { code });

describe('the failure of an activity', () => {
  test('for refused input is not retried, and its message is bounded', () => {
    const failure = failureOf(new InvalidInputError('it', [{ field: 'a', message: 'x'.repeat(1e6) }]), 1, false);
    expect(failure).toMatchObject({ type: 'InvalidInput', nonRetryable: true });
    expect((failure as Error).message.length).toBeLessThan(9000);
  });

  test.each(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EACCES', 'ESTALE', 'ETIMEDOUT', 'EMFILE', 'ENFILE', 'ENOMEM'])(
    '%s of the store is tried until it is mended, and told',
    (code) => {
      for (const attempt of [1, 1000]) {
        expect(failureOf(coded(code), attempt, false)).toMatchObject({
          type: 'DependencyDown',
          nonRetryable: false,
          message: expect.stringMatching(/ \(E\w+: something\)$/),
        });
      }
    },
  );

  test('for a folder in place of a file is retried a few times, then final with the name of the file', async () => {
    const folder = await temporaryFolder();
    const error = await thrown(() => writeFile(folder, 'x'));
    expect(failureOf(error, 1, false)).toMatchObject({ type: 'DependencyDown', nonRetryable: false });
    expect(failureOf(error, 5, false)).toMatchObject({
      type: 'InvalidInput',
      nonRetryable: true,
      message: expect.stringMatching(new RegExp(`^expected a file in the store, but found a folder .*${folder}`)),
    });
  });

  test('for a missing file is final after some tries, but not if the whole store is missing', () => {
    expect(failureOf(coded('ENOENT'), 5, true)).toMatchObject({ nonRetryable: true });
    expect(failureOf(coded('ENOENT'), 1000, false)).toMatchObject({ nonRetryable: false });
  });

  test('for a fault of orrery is the error itself', () => {
    const error = new TypeError('x is not a function');
    expect(failureOf(error, 1, false)).toBe(error);
    const known = ApplicationFailure.nonRetryable('known');
    expect(failureOf(known, 1, false)).toBe(known);
  });
});

describe('an error of the operating system means one thing for an input and another for the store', () => {
  test.each([
    ['EACCES', 'retry', 'invalid'],
    ['ENOENT', 'retry', 'invalid'],
    ['EIO', 'retry', 'retry'],
    ['EMFILE', 'retry', 'retry'],
    ['EISDIR', 'invalid', 'invalid'],
    ['ENAMETOOLONG', 'invalid', 'invalid'],
  ])('%s', (code, store, input) => {
    expect([remedyOf(coded(code), 'store')?.remedy, remedyOf(coded(code), 'input')?.remedy]).toEqual([store, input]);
  });

  test('and every code that a name can cause has a class', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'orrery-test-'));
    try {
      await mkdir(join(folder, 'folder'));
      await writeFile(join(folder, 'file'), '');
      execFileSync('ln', ['-s', 'loop', join(folder, 'loop')]);
      const names = ['folder', 'none', 'file/below', 'loop', 'x'.repeat(300), 'nul\0'];
      for (const name of names) {
        const error = await thrown(() => readFile(join(folder, name)));
        expect(remedyOf(error, 'input')?.remedy, `${name.slice(0, 9)}: ${error.code}`).toBe('invalid');
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
