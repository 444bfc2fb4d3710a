import { z } from 'zod';
import { Run } from '../run.ts';
import { from } from './shared.ts';

/** k: how many wrong branches a search trace has. */
export const WrongBranches = z
  .strictObject({ min: z.int().min(1).default(1), max: z.int().min(1).default(2) })
  .refine((range) => range.min <= range.max, {
    path: ['min'],
    message: 'expected a value not above wrongBranches.max',
  });

/** Turns trees into traces: root-to-terminal paths with jumps between them. The arm may override. */
export const LineariseConfig = z
  .strictObject({
    selfEvaluations: z
      .int()
      .min(0)
      .default(8)
      .meta(from('paper, linearisation', 'N: times the policy judges a correct solution; all must agree. 0 skips it.')),
    searchTraces: z
      .int()
      .min(0)
      .default(3)
      .meta(from('paper, linearisation', 'Search traces (k >= 1) per problem, at most.')),
    wrongBranches: WrongBranches.prefault({}).meta(
      from('paper, linearisation', 'k: wrong branches of a search trace, each with its own wrong answer.'),
    ),
    merge: z.boolean().default(true).meta(from('paper, linearisation', 'Leave out nodes that the trace already has.')),
    run: Run,
  })
  .prefault({});
export type LineariseConfig = z.infer<typeof LineariseConfig>;
