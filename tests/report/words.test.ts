import { expect, test } from 'vitest';
import { duration } from '../../report/words.ts';

test.each([
  [0, '0.0 s'],
  [9.94, '9.9 s'],
  [9.96, '10 s'],
  [59.4, '59 s'],
  [59.6, '1 min'],
  [119.7, '2 min'],
  [3599.6, '1 h 0 min'],
])('%d seconds are told as %s: what is rounded up to a whole unit is told in it', (seconds, words) => {
  expect(duration(seconds).replaceAll('\u202f', ' ')).toBe(words);
});
