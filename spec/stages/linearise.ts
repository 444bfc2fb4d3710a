import { z } from 'zod';
import { whole, withRules } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { stageFileOf } from '../stage-file-of.ts';
import { from } from './shared.ts';

/** N: number of self-evaluations per solution. */
export const selfEvaluations = () => whole(0, 1000);
/** Number of search traces per problem. */
export const searchTraces = () => whole(0, 1000);

/** k: the number of wrong branches in a search trace. */
export const WrongBranches = withRules(
  z.strictObject({ min: whole(1, 100).default(1), max: whole(1, 100).default(2) }),
  [{ path: ['min'], expected: 'at most wrongBranches.max', holds: ({ min, max }) => min <= max }],
);

/**
 * Turns trees into traces: paths from the root to terminals, with jumps between them. An arm can override some
 * settings.
 */
export const LineariseConfig = z
  .strictObject({
    selfEvaluations: selfEvaluations()
      .default(8)
      .meta(
        from(
          'paper, linearisation',
          'N: judgements of a correct solution by the policy, which must all approve. 0 skips them.',
        ),
      ),
    searchTraces: searchTraces()
      .default(3)
      .meta(from('paper, linearisation', 'Maximum number of search traces (k >= 1) per problem.')),
    wrongBranches: WrongBranches.prefault({}).meta(
      from(
        'paper, linearisation',
        'k: number of wrong branches in a search trace, each with a different wrong answer.',
      ),
    ),
    merge: z
      .boolean()
      .default(true)
      .meta(from('paper, linearisation', 'Whether to leave out nodes that the trace already contains.')),
    run: runOf('sampler'),
  })
  .prefault({});
export type LineariseConfig = z.infer<typeof LineariseConfig>;

/** `stage.json` of this kind. */
export const LineariseStageFile = stageFileOf('linearise', LineariseConfig);
