import { z } from 'zod';
import { Run } from '../run.ts';
import { fraction, from } from './shared.ts';

/** Monte Carlo tree search over reasoning steps; or best-of-N in its place, as an ablation. */
export const SearchConfig = z
  .strictObject({
    method: z
      .enum(['mcts', 'best-of-n'])
      .default('mcts')
      .meta(
        from(
          'paper, search; best-of-n is ours',
          'How trees are made. best-of-n samples whole solutions from the root: candidates, rollouts, iterations, cPuct, maxStepTokens, leavesInFlight and reuseRollouts say nothing then.',
        ),
      ),
    samples: z
      .int()
      .min(1)
      .optional()
      .meta(from('ours', 'N: solutions that method best-of-n samples per problem. Needed there, refused with mcts.')),
    candidates: z.int().min(1).default(8).meta(from('paper, search', 'k: candidate steps sampled at an expansion.')),
    rollouts: z.int().min(1).default(16).meta(from('paper, search', 'M: rollouts to the end that value one child.')),
    iterations: z
      .int()
      .min(1)
      .default(32)
      .meta(from('paper, search', 'Iterations of selection, expansion and backup per problem.')),
    maxDepth: z.int().min(1).default(50).meta(from('paper, search', 'Steps after which a path is given up.')),
    cPuct: z.number().positive().default(1).meta(from('ours', 'Exploration weight of PUCT.')),
    temperature: z.number().min(0).default(1).meta(from('ours', 'Sampling temperature of steps and rollouts.')),
    topP: fraction().default(1).meta(from('ours', 'Nucleus of the sampling.')),
    maxStepTokens: z.int().min(1).default(512).meta(from('ours', 'Longest single step in tokens.')),
    maxRolloutTokens: z.int().min(1).default(4096).meta(from('ours', 'Longest rollout in tokens.')),
    problemsInFlight: z.int().min(1).default(64).meta(from('ours', 'Problems that a shard searches at the same time.')),
    leavesInFlight: z
      .int()
      .min(1)
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
    tokensPerProblem: z
      .int()
      .min(1)
      .optional()
      .meta(
        from(
          'ours',
          'Completion tokens after which a problem begins no further iteration: it ends with the tree it has. No limit when not set.',
        ),
      ),
    secondsPerProblem: z
      .number()
      .positive()
      .optional()
      .meta(
        from(
          'ours',
          'Time in one execution after which a problem begins no further iteration: it ends with the tree it has. No limit when not set.',
        ),
      ),
    run: Run,
  })
  .refine(({ method, samples }) => method !== 'best-of-n' || samples !== undefined, {
    path: ['samples'],
    message: 'expected the number of solutions that method best-of-n samples per problem',
  })
  .refine(({ method, samples }) => method !== 'mcts' || samples === undefined, {
    path: ['samples'],
    message: 'expected nothing, as method mcts samples no whole solutions (set method: best-of-n, or leave it out)',
  })
  .prefault({});
export type SearchConfig = z.infer<typeof SearchConfig>;
