import { z } from 'zod';
import type { Domain } from '../../../../domains/domain.ts';

/** The smallest domain there can be, for tests of the stage programs: `2 + 3 =`, answered by `Answer: 5`. */
export const domain: Domain = {
  name: 'sums',
  settings: z.strictObject({ largest: z.int().min(1).default(30).describe('Largest number of a sum.') }),
  prompts: {
    solve: (problem) => `Solve: ${problem}`,
    selfEvaluate: (problem, steps) => ['Judge:', problem, ...steps].join(' '),
    rewrite: (_problem, _written, step) => `Rewrite: ${step}`,
  },
  stepStops: ['.'],
  rewriteStops: ['.'],
  join: (parts) => parts.map((part) => part.trim()).join(' '),
  splitSteps: (completion) => completion.split(/(?<=\.)/).map((step) => step.trim()),
  isTerminal: (step) => step.includes('Answer:'),
  placeAfter: (step) => step,
  approves: (selfEvaluation) => selfEvaluation.includes('It is so far.'),
  faultOfRewrite: () => null,
};
