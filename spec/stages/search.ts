import { z } from 'zod';
import { batch, nucleus, seconds, temperature, tokens, whole, withRules } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { from } from './shared.ts';

/** Monte Carlo tree search over reasoning steps; or best-of-N in its place, as an ablation. */
export const SearchConfig = withRules(
  z.strictObject({
    method: z
      .enum(['mcts', 'best-of-n'])
      .default('mcts')
      .meta(
        from(
          'paper, search; best-of-n is ours',
          'How trees are made. best-of-n samples whole solutions from the root: candidates, rollouts, iterations, cPuct, maxStepTokens, leavesInFlight and reuseRollouts say nothing then.',
        ),
      ),
    samples: whole(1, 10_000)
      .optional()
      .meta(from('ours', 'N: solutions that method best-of-n samples per problem. Needed there, refused with mcts.')),
    candidates: whole(1, 1000).default(8).meta(from('paper, search', 'k: candidate steps sampled at an expansion.')),
    rollouts: whole(1, 1000).default(16).meta(from('paper, search', 'M: rollouts to the end that value one child.')),
    iterations: whole(1, 100_000)
      .default(32)
      .meta(from('paper, search', 'Iterations of selection, expansion and backup per problem.')),
    maxDepth: whole(1, 10_000).default(50).meta(from('paper, search', 'Steps after which a path is given up.')),
    cPuct: z.number().min(1e-6).max(1e6).default(1).meta(from('ours', 'Exploration weight of PUCT.')),
    temperature: temperature().default(1).meta(from('ours', 'Sampling temperature of steps and rollouts.')),
    topP: nucleus().default(1).meta(from('ours', 'Nucleus of the sampling.')),
    maxStepTokens: tokens().default(512).meta(from('ours', 'Longest single step in tokens.')),
    maxRolloutTokens: tokens().default(4096).meta(from('ours', 'Longest rollout in tokens.')),
    problemsInFlight: batch().default(64).meta(from('ours', 'Problems that a shard searches at the same time.')),
    leavesInFlight: whole(1, 1000)
      .default(1)
      .meta(
        from(
          'ours',
          'Leaves of one tree that are explored at the same time, with virtual loss; 1 is the paper’s sequential search.',
        ),
      ),
    reuseRollouts: z
      .boolean()
      .default(false)
      .meta(
        from(
          'ours',
          'Rollouts of a node whose first step equals a child count among the M of that child; only the others are sampled.',
        ),
      ),
    tokensPerProblem: whole(1, 1_000_000_000)
      .optional()
      .meta(
        from(
          'ours',
          'Completion tokens after which a problem begins no further iteration: it ends with the tree it has. No limit when not set.',
        ),
      ),
    secondsPerProblem: seconds(0.001, 720)
      .optional()
      .meta(
        from(
          'ours',
          'Time in one execution after which a problem begins no further iteration: it ends with the tree it has. No limit when not set.',
        ),
      ),
    run: runOf('sampler'),
  }),
  [
    {
      path: ['samples'],
      expected: 'the number of solutions that method best-of-n samples per problem',
      holds: ({ method, samples }) => method !== 'best-of-n' || samples !== undefined,
    },
    {
      path: ['samples'],
      expected: 'nothing, as method mcts samples no whole solutions (set method: best-of-n, or leave it out)',
      holds: ({ method, samples }) => method !== 'mcts' || samples === undefined,
    },
  ],
).prefault({});
export type SearchConfig = z.infer<typeof SearchConfig>;
