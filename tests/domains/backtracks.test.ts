import { expect, test } from 'vitest';
import { countBacktracks } from '../../domains/backtracks.ts';

const PHRASES = { goBack: "Let's go back to where we had {place} .", restart: "Let's restart our solution." };

test.each([
  { name: 'a text without a backtrack has none', text: '3 * 7 = 21 . But wait, is this right? Hmm...', want: 0 },
  { name: 'going back to a place counts', text: "Let's go back to where we had 21 . 21 + 5 = 26", want: 1 },
  {
    name: 'going back without a place counts, because it was attempted',
    text: "Let's go back to where we had",
    want: 1,
  },
  { name: 'a restart counts', text: "No. Let's restart our solution. 3 + 5 = 8 .", want: 1 },
  {
    name: 'every backtrack counts',
    text: "Let's restart our solution. Let's go back to where we had 8 . Let's go back to where we had 8 .",
    want: 3,
  },
])('$name', ({ text, want }) => expect(countBacktracks(text, PHRASES)).toBe(want));

test('a phrase that begins with the place is counted by the words after it', () => {
  expect(countBacktracks('To 21 we return. To 8 we return.', { goBack: '{place} we return', restart: 'Again' })).toBe(
    2,
  );
});
