import { z } from 'zod';
import { batch, nucleus, seconds, temperature, tokens, whole, withRules } from '../fields.ts';
import { runOf } from '../run-shapes.ts';
import { stageFileOf } from '../stage-file-of.ts';
import { from } from './shared.ts';

/** Monte Carlo tree search over reasoning steps, or best-of-N instead as an ablation. */
export const SearchConfig = withRules(
  z.strictObject({
    method: z
      .enum(['mcts', 'best-of-n'])
      .default('mcts')
      .meta(
        from(
          'paper, search; best-of-n is ours',
          'Search method. best-of-n samples whole solutions from the root and ignores candidates, rollouts, iterations, cPuct, maxStepTokens, leavesInFlight and reuseRollouts.',
        ),
      ),
    samples: whole(1, 10_000)
      .optional()
      .meta(
        from('ours', 'N: solutions per problem for method best-of-n. Required for best-of-n and not allowed for mcts.'),
      ),
    candidates: whole(1, 1000).default(8).meta(from('paper, search', 'k: candidate steps sampled per expansion.')),
    rollouts: whole(1, 1000)
      .default(16)
      .meta(from('paper, search', 'M: complete rollouts from which the value of a child is estimated.')),
    iterations: whole(1, 100_000)
      .default(32)
      .meta(from('paper, search', 'Iterations of selection, expansion and backup per problem.')),
    maxDepth: whole(1, 10_000)
      .default(50)
      .meta(from('paper, search', 'Maximum number of steps on a path. A longer path is abandoned.')),
    cPuct: z.number().min(1e-6).max(1e6).default(1).meta(from('ours', 'Exploration weight of PUCT.')),
    temperature: temperature().default(1).meta(from('ours', 'Sampling temperature of steps and rollouts.')),
    topP: nucleus().default(1).meta(from('ours', 'Nucleus of the sampling (top-p).')),
    maxStepTokens: tokens().default(512).meta(from('ours', 'Maximum length of a step in tokens.')),
    maxRolloutTokens: tokens().default(4096).meta(from('ours', 'Maximum length of a rollout in tokens.')),
    problemsInFlight: batch().default(64).meta(from('ours', 'Problems that a shard searches at the same time.')),
    leavesInFlight: whole(1, 1000)
      .default(1)
      .meta(
        from(
          'ours',
          'Leaves of one tree to explore at the same time, with virtual loss. 1 is the sequential search of the paper.',
        ),
      ),
    reuseRollouts: z
      .boolean()
      .default(false)
      .meta(
        from(
          'ours',
          'Whether to reuse rollouts of a parent. A rollout whose first step equals a child counts as one of the M rollouts of that child.',
        ),
      ),
    tokensPerProblem: whole(1, 1_000_000_000)
      .optional()
      .meta(
        from(
          'ours',
          'Completion tokens after which a problem starts no further iteration and keeps its tree as it is. No limit when not set.',
        ),
      ),
    secondsPerProblem: seconds(0.001, 720)
      .optional()
      .meta(
        from(
          'ours',
          'Time within one execution after which a problem starts no further iteration and keeps its tree as it is. No limit when not set.',
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
      expected: 'nothing, because method mcts samples no whole solutions (set method: best-of-n, or remove samples)',
      holds: ({ method, samples }) => method !== 'mcts' || samples === undefined,
    },
  ],
).prefault({});
export type SearchConfig = z.infer<typeof SearchConfig>;

/** `stage.json` of this kind. */
export const SearchStageFile = stageFileOf('search', SearchConfig);
