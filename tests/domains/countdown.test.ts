import { describe, expect, test } from 'vitest';
import { loadDomain } from '../../domains/domain.ts';

const countdown = await loadDomain('countdown');
const PROBLEM = 'Use 3 5 7 to make 26 :';

describe('countdown', () => {
  test('uses only words that the stand-in policy knows in its prompts', () => {
    const steps = ['3 * 7 = 21 .', '21 + 5 = 26 .', 'Final answer: 3 * 7 = 21 , 21 + 5 = 26'];
    expect(countdown.prompts.solve(PROBLEM)).toBe(PROBLEM);
    expect(countdown.prompts.selfEvaluate(PROBLEM, steps)).toBe(
      `Notes : ${PROBLEM} 3 * 7 = 21 . 21 + 5 = 26 . ${countdown.phrases.reflection}`,
    );
    expect(countdown.prompts.rewrite(PROBLEM, ' whatever', steps[0]!)).toBe('Rewrite : 3 * 7 = 21 . =>');
  });

  test.each([
    { text: ' 3 * 7 = 21 .', steps: ['3 * 7 = 21 .'] },
    {
      text: '3 * 7 = 21 . 21 + 5 = 26 . Final answer: a , b',
      steps: ['3 * 7 = 21 .', '21 + 5 = 26 .', 'Final answer: a , b'],
    },
    { text: '3 * 7 = 21 . 21 +', steps: ['3 * 7 = 21 .', '21 +'] },
    { text: '3 * 7 Final answer: a', steps: ['3 * 7', 'Final answer: a'] },
    { text: ' ', steps: [] },
  ])('splits "$text" into its steps', ({ text, steps }) => {
    expect(countdown.splitSteps(text)).toEqual(steps);
    expect(countdown.join(steps)).toBe(text.trim());
  });

  test('names a place by its value', () => {
    expect(countdown.placeAfter('3 * 7 = 21 .')).toBe('21');
    expect(countdown.placeAfter('nonsense .')).toBe('nonsense');
  });

  test('approves only by the positive verdict', () => {
    expect(countdown.approves(` ${countdown.phrases.positive} Next : 3`)).toBe(true);
    expect(countdown.approves(countdown.phrases.negative)).toBe(false);
    expect(countdown.approves('')).toBe(false);
  });

  test.each([
    { rewritten: '3 times 7 gives 21 .', fault: null },
    { rewritten: 'We get 21 from 3 * 7 .', fault: null },
    { rewritten: '3 times 7 gives 22 .', fault: 'expected the numbers 3, 7, 21, but it has 3, 7, 22' },
    { rewritten: '3 times 7 gives 21', fault: 'it does not end with " ."' },
    {
      rewritten: `We get 21 from 3 * 7 ${countdown.phrases.negative} .`,
      fault: 'it contains the phrase "Our solution does not reach the target."',
    },
    {
      rewritten: "Let's go back to where we had 21 from 3 * 7 .",
      fault: 'it contains the phrase "Let\'s go back to where we had"',
    },
  ])('checks "$rewritten": $fault', ({ rewritten, fault }) => {
    const asked = { problem: 'Use 3 5 7 to make 26 :', written: '', step: '3 * 7 = 21 .' };
    expect(countdown.faultOfRewrite(asked, rewritten)?.detail ?? null).toBe(fault);
  });

  test('has settings with defaults, and refuses others', () => {
    expect(countdown.settings.parse({})).toEqual({ numbers: 3, maxNumber: 12, maxTarget: 40, maxValue: 60 });
    expect(countdown.settings.safeParse({ number: 3 }).success).toBe(false);
  });
});
