import { z } from 'zod';
import type { Domain } from '../domain.ts';
import { leakedPhrase } from '../faults.ts';
import phrases from './phrases.json' with { type: 'json' };

/**
 * Exact change: pay an amount with a given number of coins of the given kinds; each kind may be used any number of
 * times. Every text is words joined by single spaces, because the stand-in policy has a token for every word and every
 * fixed phrase.
 *
 * | text            | example                                             |
 * | --------------- | --------------------------------------------------- |
 * | problem, prompt | `Pay 33 with 4 coins of 1 12 7 :`                   |
 * | step            | `33 - 12 = 21 .`                                    |
 * | terminal step   | `Final answer: 12 7 7 7`                            |
 * | rewritten step  | `33 - 12 leaves 21 .`, `33 - 12 gives 21 .`         |
 *
 * @see docs/embedded-domain.md for the reasons
 */
export const domain: Domain = {
  name: 'change',
  settings: z.strictObject({
    kinds: z.int().min(3).max(5).default(3).describe('Kinds of coins that a problem gives.'),
    coins: z.int().min(3).max(6).default(4).describe('Coins that are to be paid, exactly.'),
    largestCoin: z.int().min(5).max(99).default(12).describe('Largest coin; the smallest is 1.'),
    largestAmount: z.int().min(10).max(594).default(48).describe('Largest amount to be paid.'),
    demonstrationAccuracy: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe('Share of the demonstrations that know a way to pay; the others pay blindly, and are right by luck.'),
  }),
  prompts: {
    solve: (problem) => problem,
    // The final answer repeats the coins of the steps, so the judge sees only the steps.
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
  // Amounts only decrease along a path, so on one path each amount names one place.
  placeAfter: (step) => /(?:=|leaves|gives) (\d+)/.exec(step)?.[1] ?? step.replace(/ \.$/, ''),
  approves: (selfEvaluation) => selfEvaluation.trim().startsWith(phrases.positive),
  faultOfRewrite({ step }, rewritten) {
    const leaked = leakedPhrase(phrases, rewritten);
    if (leaked !== null) return leaked;
    if (!rewritten.endsWith(' .')) return { reason: 'form', detail: 'it does not end with " ."' };
    const [wanted, came] = [numbersOf(step), numbersOf(rewritten)];
    if (sorted(wanted) !== sorted(came))
      return { reason: 'numbers', detail: `expected the numbers ${sorted(wanted)}, but it has ${sorted(came)}` };
    // The remaining amount comes last. The next step starts from it, and a verdict refers to it.
    if (wanted.at(-1) === came.at(-1)) return null;
    const detail = `expected it to end with ${wanted.at(-1)}, the remaining amount, but it ends with ${came.at(-1)}`;
    return { reason: 'numbers', detail };
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

function numbersOf(text: string): number[] {
  return (text.match(/\d+/g) ?? []).map(Number);
}

/** The numbers in ascending order. Prose may change their order; it must keep how often each occurs. */
function sorted(numbers: readonly number[]): string {
  return numbers.length === 0 ? 'none' : numbers.toSorted((a, b) => a - b).join(', ');
}
