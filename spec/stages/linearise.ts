import { z } from 'zod';
import { whole, withRules } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { from } from './shared.ts';

/** N: self-evaluations of a solution. */
export const selfEvaluations = () => whole(0, 1000);
/** Search traces of a problem. */
export const searchTraces = () => whole(0, 1000);

/** k: how many wrong branches a search trace has. */
export const WrongBranches = withRules(
  z.strictObject({ min: whole(1, 100).default(1), max: whole(1, 100).default(2) }),
  [{ path: ['min'], expected: 'a value not above wrongBranches.max', holds: ({ min, max }) => min <= max }],
);

/** Turns trees into traces: root-to-terminal paths with jumps between them. The arm may override. */
export const LineariseConfig = z
  .strictObject({
    selfEvaluations: selfEvaluations()
      .default(8)
      .meta(from('paper, linearisation', 'N: times the policy judges a correct solution; all must agree. 0 skips it.')),
    searchTraces: searchTraces()
      .default(3)
      .meta(from('paper, linearisation', 'Search traces (k >= 1) per problem, at most.')),
    wrongBranches: WrongBranches.prefault({}).meta(
      from('paper, linearisation', 'k: wrong branches of a search trace, each with its own wrong answer.'),
    ),
    merge: z.boolean().default(true).meta(from('paper, linearisation', 'Leave out nodes that the trace already has.')),
    run: runOf('sampler'),
  })
  .prefault({});
export type LineariseConfig = z.infer<typeof LineariseConfig>;
