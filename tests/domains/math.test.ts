import { describe, expect, test } from 'vitest';
import { loadDomain, ownSolution } from '../../domains/domain.ts';

const math = await loadDomain('math');

describe('mathematics', () => {
  test('puts the problem into its prompts unchanged, TeX braces included', () => {
    const problem = 'What is $\\frac{1}{2}$ of {problem} and {steps}?';
    expect(math.prompts.solve(problem)).toContain(`Problem: ${problem}\n\nSolution:\n\n`);
    expect(math.prompts.solve(problem)).toMatch(/Solution:\n\n$/);
    expect(math.prompts.selfEvaluate(problem, ['One.\n\n', 'Two.'])).toMatch(/Solution:\n\nOne\.\n\nTwo\.\n\nCheck:$/);
    expect(math.prompts.rewrite(problem, '', 'One.\n\n')).toMatch(/\(nothing yet\)\n\nNext step: One\.\n\nRewritten:$/);
  });

  test('shows a search examples of steps, and asks for the next step', () => {
    const prompt = math.prompts.steps?.('What is {steps}?') ?? '';
    expect(prompt).toMatch(/Problem: What is \{steps\}\?\n\nSolution:\n\n$/);
    const examples = prompt
      .split('Solution:\n\n')
      .slice(1, -1)
      .map((example) => example.split('Problem:')[0]!);
    expect(examples.length).toBeGreaterThan(1);
    for (const example of examples) {
      const steps = math.splitSteps(example);
      expect(steps.length).toBeGreaterThan(2);
      expect(steps.map((step) => math.isTerminal(step))).toEqual(steps.map((_, index) => index === steps.length - 1));
    }
  });

  test('ends the prompt of a search where the next step begins', () => {
    const prompt = math.prompts.solve('What is 2?');
    expect(math.join([prompt, 'One.\n\n', 'Two.\n\n'])).toBe(`${prompt}One.\n\nTwo.\n\n`);
    expect(math.join([prompt, 'One.', 'Two.'])).toBe(`${prompt}One.\n\nTwo.`);
  });

  test.each([
    { text: 'One.\n\nTwo.\n\n', steps: ['One.\n\n', 'Two.\n\n'] },
    { text: '\n\nOne\nline.\n \n\nTwo', steps: ['One\nline.\n\n', 'Two'] },
    { text: 'So we add. The answer is \\boxed{7}.', steps: ['So we add.', 'The answer is \\boxed{7}.'] },
    { text: 'It is 3.5. Thus $x = \\boxed{3.5}$.\n\n', steps: ['It is 3.5.', 'Thus $x = \\boxed{3.5}$.\n\n'] },
    { text: 'The answer is\n\\[ \\boxed{7} \\]', steps: ['The answer is\n\\[ \\boxed{7} \\]'] },
    { text: '\n\n', steps: [] },
  ])('splits $text into its steps', ({ text, steps }) => {
    expect(math.splitSteps(text)).toEqual(steps);
  });

  test('recognises a final answer by its box', () => {
    expect(math.isTerminal('The final answer is \\boxed{7}.')).toBe(true);
    expect(math.isTerminal('The final answer is 7.')).toBe(false);
  });

  test.each([
    { step: 'We let $x = 3.5$. Then we add.\n\n', place: 'We let $x = 3.5$' },
    { step: 'no stop at all', place: 'no stop at all' },
    {
      step: 'Because the perimeter is known to be twenty we can find the sum of length and width: it is ten.',
      place: 'Because the perimeter is known to be twenty we can find the sum of length and...',
    },
    {
      step: 'Now we substitute the value that we have found before and then get $a + b + c + d = e + f + g$ at last.',
      place: 'Now we substitute the value that we have found before and then get...',
    },
  ])('names the place after "$step"', ({ step, place }) => {
    expect(math.placeAfter(step)).toBe(place);
  });

  test('approves by the verdict after the check', () => {
    expect(math.approves(' The sum is right. Verdict: correct\n\n')).toBe(true);
    expect(math.approves(' The sum is wrong. Verdict: incorrect')).toBe(false);
    expect(math.approves(' It seems correct')).toBe(false);
  });

  const asked = {
    problem: 'A book costs \\$1,200 and a pen 20\\% of it.',
    written: 'We begin with 7.',
    step: '$2 + 3 = 5$',
  };
  test.each([
    { rewritten: 'Next we see that $2 + 3 = 5$.', fault: null },
    { rewritten: 'Next we see that the sum is 5.', fault: ['numbers', 'the number 2 is missing'] },
    { rewritten: '$2 + 3 = 5$, so \\boxed{5}.', fault: ['answer', 'it states the final answer'] },
    {
      rewritten: `$2 + 3 = 5$. ${math.phrases.positive}`,
      fault: ['phrase', `it contains the phrase "${math.phrases.positive}"`],
    },
    { rewritten: '$2 + 3 = 5$, but that is wrong.', fault: ['verdict', 'it judges: "wrong"'] },
    { rewritten: 'Going back, $2 + 3 = 5$.', fault: ['verdict', 'it judges: "going back"'] },
    { rewritten: '$2 + 3 = 5$, and 5 + 4 = 9.', fault: ['invented', 'the number 4 is new'] },
    { rewritten: '$2 + 3 = 5$, and 10 is twice that.', fault: ['invented', 'the number 10 is new'] },
    { rewritten: 'Of 1200 and 7, $2.0 + 3 = 5$ remain.', fault: null },
    { rewritten: 'With 0.2 of $1{,}200$, $2 + 3 = 5$.', fault: null },
  ])('checks "$rewritten": $fault', ({ rewritten, fault }) => {
    const found = math.faultOfRewrite(asked, rewritten);
    expect(found === null ? null : [found.reason, found.detail]).toEqual(fault);
  });

  test.each([
    { step: '$\\frac12 + \\sqrt 9$', rewritten: 'Half, $\\frac{1}{2}$, and $\\sqrt{9}$.' },
    { step: 'the point (1,200)', rewritten: 'the point with 1 and 200' },
    { step: '25% of 80', rewritten: '0.25 times 80' },
    { step: 'It is 3.', rewritten: 'It is 3.0.' },
    { step: 'The error is 3.', rewritten: 'We find an error of 3.' },
  ])('accepts "$rewritten" for "$step"', ({ step, rewritten }) => {
    expect(math.faultOfRewrite({ problem: '', written: '', step }, rewritten)).toBeNull();
  });

  test('ends a solution where the policy begins another problem', () => {
    expect(ownSolution(math, 'It is 3.\n\nProblem: What is 4?\n\nThe final answer is \\boxed{4}.')).toBe(
      'It is 3.\n\n',
    );
    expect(ownSolution(math, 'It is 3.')).toBe('It is 3.');
  });
});
