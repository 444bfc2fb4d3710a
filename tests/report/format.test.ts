import { expect, test } from 'vitest';
import { duration } from '../../report/format.ts';

test.each([
  [0.42, '420ms'],
  [9.94, '9.9s'],
  [10.04, '10s'],
  [59.4, '59s'],
  [59.6, '1m'],
  [119.7, '2m'],
  [3599.6, '1h'],
  [90_061, '1d 1h'],
])('a duration of %d seconds is written as %s', (seconds, text) => {
  expect(duration(seconds).replaceAll('\u202f', ' ')).toBe(text);
});
