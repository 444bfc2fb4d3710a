import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../spec/index.ts';
import { endingOf, StageExit } from '../../stages/runtime/exits.ts';

const aSystemError = (code: string) => Object.assign(new Error(`${code}: something`), { code });

describe('the ending of a stage program', () => {
  test.each([
    {
      name: 'is what the program said',
      error: new StageExit('DependencyDown', 'no server'),
      exitCode: 69,
      message: 'no server',
    },
    {
      name: 'finds the cause below a wrapper',
      error: new Error('outer', { cause: new StageExit('Fenced', 'late') }),
      exitCode: 75,
      message: 'late',
    },
    {
      name: 'maps a stop to Preempted',
      error: new StageExit('Preempted', 'stopped'),
      exitCode: 143,
      message: 'stopped',
    },
    {
      name: 'maps refused input to InvalidInput, in one line',
      error: new InvalidInputError('the spec', [{ field: 'a', message: 'bad' }]),
      exitCode: 65,
      message: 'the spec is not valid: a: bad',
    },
    {
      name: 'explains a full disk',
      error: aSystemError('ENOSPC'),
      exitCode: 69,
      message:
        'the store has no space left; free some space, and the stage resumes from its journal (ENOSPC: something)',
    },
    {
      name: 'explains a lost mount',
      error: new Error('progress', { cause: aSystemError('ENOTCONN') }),
      exitCode: 69,
      message: 'the mount of the store is gone (ENOTCONN: something)',
    },
    {
      name: 'maps a refused connection to DependencyDown',
      error: new TypeError('fetch failed', { cause: aSystemError('ECONNREFUSED') }),
      exitCode: 69,
      message: 'a server could not be reached: ECONNREFUSED: something',
    },
    {
      name: 'calls any other error unexpected',
      error: new TypeError('x is not a function'),
      exitCode: 1,
      message: 'unexpected error: TypeError: x is not a function',
    },
    {
      name: 'accepts a thrown value that is not an error',
      error: 'boo',
      exitCode: 1,
      message: 'unexpected error: boo',
    },
  ])('$name', ({ error, exitCode, message }) => expect(endingOf(error)).toEqual({ exitCode, message }));

  test('is found when causes form a circle', () => {
    const error = new Error('round');
    error.cause = error;
    expect(endingOf(error).exitCode).toBe(1);
  });
});
