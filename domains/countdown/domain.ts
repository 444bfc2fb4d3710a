import { z } from 'zod';
import type { Domain } from '../domain.ts';
import { leakedPhrase } from '../faults.ts';
import phrases from './phrases.json' with { type: 'json' };

/**
 * Countdown: combine all the numbers with `+ - *` to reach a target. Every text is words joined by single spaces,
 * because the stand-in policy has a token for every word and every fixed phrase.
 *
 * | text            | example                                        |
 * | --------------- | ---------------------------------------------- |
 * | problem, prompt | `Use 3 5 7 to make 26 :`                       |
 * | step            | `3 * 7 = 21 .`                                 |
 * | terminal step   | `Final answer: 3 * 7 = 21 , 21 + 5 = 26`       |
 * | rewritten step  | `3 times 7 gives 21 .`, `We get 21 from 3 * 7 .` |
 */
export const domain: Domain = {
  name: 'countdown',
  settings: z.strictObject({
    numbers: z.int().min(2).max(6).default(3).describe('Numbers of a problem.'),
    maxNumber: z.int().min(1).max(1000).default(12).describe('Largest number given; the smallest is 1.'),
    maxTarget: z.int().min(1).max(1000).default(40).describe('Largest target; the smallest is 1.'),
    maxValue: z.int().min(1).max(1000).default(60).describe('Largest value on the way.'),
  }),
  prompts: {
    solve: (problem) => problem,
    // The final answer repeats the equations of the steps, so the judge sees only the steps.
    selfEvaluate: (problem, steps) =>
      joinWords(['Notes :', problem, ...steps.filter((step) => !isTerminal(step)), phrases.reflection]),
    rewrite: (_problem, _written, step) => joinWords(['Rewrite :', step, '=>']),
  },
  stepStops: [' .'],
  rewriteStops: [' .'],
  join: joinWords,
  splitSteps: (completion) =>
    completion
      .split(/(?<= \.)(?= )|(?=Final answer:)/)
      .map((step) => step.trim())
      .filter((step) => step !== ''),
  isTerminal,
  placeAfter: (step) => /= (\d+)/.exec(step)?.[1] ?? step.replace(/ \.$/, ''),
  approves: (selfEvaluation) => selfEvaluation.trim().startsWith(phrases.positive),
  faultOfRewrite({ step }, rewritten) {
    const leaked = leakedPhrase(phrases, rewritten);
    if (leaked !== null) return leaked;
    if (!rewritten.endsWith(' .')) return { reason: 'form', detail: 'it does not end with " ."' };
    const [wanted, came] = [sortedNumbers(step), sortedNumbers(rewritten)];
    return wanted === came ? null : { reason: 'numbers', detail: `expected the numbers ${wanted}, but it has ${came}` };
  },
};

function joinWords(parts: readonly string[]): string {
  return parts
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .join(' ');
}

function isTerminal(step: string): boolean {
  return step.includes(phrases.finalAnswer);
}

/** The numbers of a text as a sorted list. Prose may change their order; it must keep how often each occurs. */
function sortedNumbers(text: string): string {
  return (text.match(/\d+/g) ?? []).toSorted((a, b) => Number(a) - Number(b)).join(', ');
}
