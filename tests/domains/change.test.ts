import { describe, expect, test } from 'vitest';
import { loadDomain } from '../../domains/domain.ts';

const change = await loadDomain('change');
const PROBLEM = 'Pay 33 with 4 coins of 1 12 7 :';

describe('change', () => {
  test('uses only words that the stand-in policy knows in its prompts', () => {
    const steps = ['33 - 12 = 21 .', '21 - 7 = 14 .', 'Final answer: 12 7 7 7'];
    expect(change.prompts.solve(PROBLEM)).toBe(PROBLEM);
    expect(change.prompts.selfEvaluate(PROBLEM, steps)).toBe(
      `Notes : ${PROBLEM} 33 - 12 = 21 . 21 - 7 = 14 . ${change.phrases.reflection}`,
    );
    expect(change.prompts.rewrite(PROBLEM, ' whatever', steps[0]!)).toBe('Rewrite : 33 - 12 = 21 . =>');
  });

  test.each([
    { text: ' 33 - 12 = 21 .', steps: ['33 - 12 = 21 .'] },
    { text: '7 - 7 = 0 . Final answer: 12 7 7 7', steps: ['7 - 7 = 0 .', 'Final answer: 12 7 7 7'] },
    { text: '33 - 12 leaves 21 . 26 - 7', steps: ['33 - 12 leaves 21 .', '26 - 7'] },
    { text: '33 - 12 Final answer: 12', steps: ['33 - 12', 'Final answer: 12'] },
    { text: ' ', steps: [] },
  ])('splits "$text" into its steps', ({ text, steps }) => {
    expect(change.splitSteps(text)).toEqual(steps);
    expect(change.join(steps)).toBe(text.trim());
  });

  test('names a place by the remaining amount', () => {
    expect(change.placeAfter('33 - 12 = 21 .')).toBe('21');
    expect(change.placeAfter('nonsense .')).toBe('nonsense');
    expect(change.phrases.goBack.replace('{place}', change.placeAfter('33 - 12 = 21 .'))).toBe(
      "Let's go back to where 21 is left .",
    );
  });

  test('approves only by the positive verdict', () => {
    expect(change.approves(` ${change.phrases.positive} Next : 33`)).toBe(true);
    expect(change.approves(change.phrases.negative)).toBe(false);
    expect(change.approves('')).toBe(false);
  });

  test.each([
    { rewritten: '33 - 12 leaves 21 .', fault: null },
    { rewritten: '33 - 12 gives 21 .', fault: null },
    { rewritten: '33 - 12 leaves 20 .', fault: 'expected the numbers 12, 21, 33, but it has 12, 20, 33' },
    { rewritten: '12 leaves 21 .', fault: 'expected the numbers 12, 21, 33, but it has 12, 21' },
    {
      rewritten: '21 - 12 leaves 33 .',
      fault: 'expected it to end with 21, the remaining amount, but it ends with 33',
    },
    { rewritten: '33 - 12 leaves 21', fault: 'it does not end with " ."' },
    { rewritten: '. .', fault: 'expected the numbers 12, 21, 33, but it has none' },
    {
      rewritten: `33 - 12 leaves 21 ${change.phrases.negative} .`,
      fault: 'it contains the phrase "This does not come out even."',
    },
    {
      rewritten: "Let's go back to where 33 - 12 leaves 21 .",
      fault: 'it contains the phrase "Let\'s go back to where"',
    },
  ])('checks "$rewritten": $fault', ({ rewritten, fault }) => {
    const asked = { problem: 'Pay 33 with 2 coins of 1 12 21 :', written: '', step: '33 - 12 = 21 .' };
    expect(change.faultOfRewrite(asked, rewritten)?.detail ?? null).toBe(fault);
  });

  test('has settings with defaults', () => {
    expect(change.settings.parse({})).toEqual({
      kinds: 3,
      coins: 4,
      largestCoin: 12,
      largestAmount: 48,
      demonstrationAccuracy: 0,
    });
  });

  test.each([{ kind: 4 }, { kinds: 2 }, { coins: 7 }, { largestCoin: 4 }, { demonstrationAccuracy: 1.1 }])(
    'refuses the settings $0',
    (settings) => {
      expect(change.settings.safeParse(settings).success).toBe(false);
    },
  );
});
