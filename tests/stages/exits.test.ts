import { describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../spec/index.ts';
import { endingOf, StageExit } from '../../stages/runtime/exits.ts';

const aSystemError = (code: string) => Object.assign(new Error(`${code}: something`), { code });

describe('the ending of a stage program', () => {
  test.each([
    {
      name: 'says what the program said',
      error: new StageExit('DependencyDown', 'no server'),
      exitCode: 69,
      words: 'no server',
    },
    {
      name: 'finds the cause below a wrapper',
      error: new Error('outer', { cause: new StageExit('Fenced', 'late') }),
      exitCode: 75,
      words: 'late',
    },
    {
      name: 'takes a stop for a preemption',
      error: new StageExit('Preempted', 'stopped'),
      exitCode: 143,
      words: 'stopped',
    },
    {
      name: 'takes refused input for invalid input, in one line',
      error: new InvalidInputError('the spec', [{ field: 'a', message: 'bad' }]),
      exitCode: 65,
      words: 'the spec is not valid: a: bad',
    },
    {
      name: 'tells of a full disk in words',
      error: aSystemError('ENOSPC'),
      exitCode: 69,
      words: 'the store has no space left; free some space, and the stage resumes from its journal (ENOSPC: something)',
    },
    {
      name: 'tells of a mount that is gone in words',
      error: new Error('progress', { cause: aSystemError('ENOTCONN') }),
      exitCode: 69,
      words: 'the mount of the store is gone (ENOTCONN: something)',
    },
    {
      name: 'takes a refused connection for a dependency',
      error: new TypeError('fetch failed', { cause: aSystemError('ECONNREFUSED') }),
      exitCode: 69,
      words: 'a server could not be reached: ECONNREFUSED: something',
    },
    {
      name: 'calls what it does not know unexpected',
      error: new TypeError('x is not a function'),
      exitCode: 1,
      words: 'unexpected error: TypeError: x is not a function',
    },
    { name: 'copes with what is no error', error: 'boo', exitCode: 1, words: 'unexpected error: boo' },
  ])('$name', ({ error, exitCode, words }) => expect(endingOf(error)).toEqual({ exitCode, words }));

  test('is found though a cause leads back to itself', () => {
    const error = new Error('round');
    error.cause = error;
    expect(endingOf(error).exitCode).toBe(1);
  });
});
