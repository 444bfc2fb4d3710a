import { expect, test } from 'vitest';
import { tableOf } from '../../dev/markdown.ts';

test('bars and line breaks in a cell do not end it', () => {
  expect(
    tableOf(
      ['name', 'value'],
      [
        ['a|b', 'one\n  two'],
        ['c', 3],
      ],
    ),
  ).toBe(['| name | value |', '| - | - |', '| a\\|b | one two |', '| c | 3 |'].join('\n'));
});
