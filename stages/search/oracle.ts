import { z } from 'zod';
import type { Problem, SearchConfig } from '../../spec/index.ts';
import type { Domain } from '../domain.ts';
import type { Policy } from '../policy.ts';
import { seedFor } from '../random.ts';
import type { Verifier } from '../verifier.ts';
import { sampleCandidates } from './expansion.ts';
import type { Oracle } from './mcts.ts';
import { unlessRefused } from './refusal.ts';
import { valueByRollouts } from './rollout.ts';

/** What one iteration took. */
export const Cost = z.object({
  promptTokens: z.int().min(0),
  completionTokens: z.int().min(0),
  rollouts: z.int().min(0),
  /** Sampled candidates that were malformed. */
  dropped: z.int().min(0),
  /** Rollouts that could not be judged. */
  unjudged: z.int().min(0),
  /** Requests that the policy server refused: the path had outgrown the context. */
  refused: z.int().min(0),
});
export type Cost = z.infer<typeof Cost>;

/** An oracle that also tells what was spent since it was last asked. */
export interface MeteredOracle extends Oracle {
  takeCost(): Cost;
}

export interface World {
  readonly problem: Problem;
  readonly domain: Domain;
  /** For this problem alone while it is searched, because its tokens are told by `usage`. */
  readonly policy: Policy;
  readonly verifier: Verifier;
  readonly config: SearchConfig;
  /** Seed of the campaign. */
  readonly seed: number;
}

/**
 * The policy and the verifier behind the search of one problem. The seed of every request derives from the problem, the iteration and the
 * child, so that neither the order of the work nor an interruption changes what is asked.
 */
export function oracleOf({ problem, domain, policy, verifier, config, seed }: World): MeteredOracle {
  const world = { problem, domain, policy, verifier };
  let spent = nothing();
  let before = { ...policy.usage };
  function refused<T>(nothingCame: T): T {
    spent.refused += 1;
    return nothingCame;
  }
  return {
    async expand(steps, iteration) {
      const expandSeed = seedFor(seed, 'search', problem.id, iteration, 'expand');
      const sample = () => sampleCandidates(world, steps, config, expandSeed);
      const { candidates, dropped } = await (steps.length === 0
        ? sample()
        : unlessRefused(sample, () => refused({ candidates: [], dropped: 0 })));
      spent.dropped += dropped;
      return candidates;
    },
    async valueOf(steps, iteration, child) {
      const rolloutSeed = seedFor(seed, 'search', problem.id, iteration, 'rollouts', child);
      const { value, rollouts, unjudged } = await unlessRefused(
        () => valueByRollouts(world, steps, config, rolloutSeed),
        () => refused({ value: 0, rollouts: 0, unjudged: 0 }),
      );
      spent.rollouts += rollouts;
      spent.unjudged += unjudged;
      return value;
    },
    takeCost() {
      const promptTokens = policy.usage.promptTokens - before.promptTokens;
      const completionTokens = policy.usage.completionTokens - before.completionTokens;
      const cost = { ...spent, promptTokens, completionTokens };
      spent = nothing();
      before = { ...policy.usage };
      return cost;
    },
  };
}

const nothing = () => ({ rollouts: 0, dropped: 0, unjudged: 0, refused: 0 });
