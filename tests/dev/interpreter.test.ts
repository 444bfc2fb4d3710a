import { expect, test } from 'vitest';
import { candidates, findPython, isNewEnough, parseVersion } from '../../dev/setup/interpreter.ts';

test.each([
  { printed: 'Python 3.11.9', version: [3, 11, 9], enough: true },
  { printed: 'Python 3.13.0rc1\n', version: [3, 13, 0], enough: true },
  { printed: 'Python 3.10.12', version: [3, 10, 12], enough: false },
  { printed: 'Python 2.7.18', version: [2, 7, 18], enough: false },
  { printed: 'Python 4.0.0', version: [4, 0, 0], enough: true },
])('$printed is read, and new enough: $enough', ({ printed, version, enough }) => {
  expect(parseVersion(printed)).toEqual(version);
  expect(isNewEnough(version)).toBe(enough);
});

test('a program with other output is not a Python', () => {
  expect(parseVersion('pyenv: python3.13: command not found')).toBeNull();
});

test('a requested interpreter is the only candidate', () => {
  expect(candidates('/opt/python')).toEqual(['/opt/python']);
});

test('without a Python, the error names the tried commands and how to install one', async () => {
  await expect(findPython(['no-such-python'])).rejects.toThrow(
    /none was found \(no-such-python\)\n.*ORRERY_BASE_PYTHON/s,
  );
});
