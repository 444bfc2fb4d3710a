import type { SearchConfig } from '../../spec/stages/search.ts';
import { unlessPromptTooLong } from '../policy/context-window.ts';
import { seedFor } from '../runtime/random.ts';
import type { SolutionOracle } from './best-of-n.ts';
import { addCosts, type Cost, costOf, NO_COST } from './cost.ts';
import { sampleCandidates } from './expansion.ts';
import { type Answer, EXPANSION, type JournalledAnswers, keyOf } from './journal-entries.ts';
import type { Oracle } from './mcts.ts';
import { valueByRollouts } from './rollout.ts';
import type { SamplingContext } from './sampling-context.ts';
import { sampleSolutions } from './solutions.ts';

/** An oracle that also knows the cost of each iteration. */
export interface MeteredOracle extends Oracle, SolutionOracle {
  /** Cost of the answers that an iteration has used so far, including those from the journal. */
  costOf(iteration: number): Cost;
}

/** What the oracle of one problem needs. */
export interface OracleContext extends SamplingContext {
  readonly config: SearchConfig;
  /** Seed of the campaign. */
  readonly seed: number;
}

/**
 * The policy and the verifier, as the search of one problem sees them. The seed of every request derives from the
 * problem, the iteration and the child, so neither the order of the work nor an interruption changes the requests.
 * @param kept - answers from the journal; they are not requested again
 * @param keep - called with every new answer, before the search gets it
 */
export function oracleOf(
  { problem, domain, policy, verifier, config, seed }: OracleContext,
  kept: JournalledAnswers = new Map(),
  keep: (answer: Answer) => void = () => {},
): MeteredOracle {
  const sampling = { problem, domain, policy, verifier };
  const costs = new Map<number, Cost>();

  /** The journal's answer for exactly this state if there is one, else a new one. */
  async function answered<T extends Answer['type']>(
    type: T,
    place: Pick<Answer, 'iteration' | 'child'>,
    steps: readonly string[],
    ask: () => Promise<Omit<Extract<Answer, { type: T }>, 'type' | 'problem' | 'iteration' | 'child' | 'state'>>,
  ): Promise<Extract<Answer, { type: T }>> {
    const state = stateOf(steps);
    let answer = kept.get(keyOf(place)) as Extract<Answer, { type: T }> | undefined;
    if (answer === undefined || answer.state !== state || answer.type !== type) {
      answer = { type, problem: problem.id, ...place, state, ...(await ask()) } as Extract<Answer, { type: T }>;
      keep(answer);
    }
    costs.set(place.iteration, addCosts(costs.get(place.iteration) ?? NO_COST, answer.cost));
    return answer;
  }
  return {
    async expand(steps, iteration) {
      const sample = async () => {
        const expandSeed = seedFor(seed, 'search', problem.id, iteration, 'expand');
        const { candidates, dropped, unjudged, timedOut, asked } = await sampleCandidates(
          sampling,
          steps,
          config,
          expandSeed,
        );
        return { candidates, cost: { ...costOf(asked), dropped, unjudgedTerminals: unjudged, timedOut } };
      };
      const none = () => ({ candidates: [], cost: WITHOUT_ROOM });
      const { candidates } = await answered('candidates', { iteration, child: EXPANSION }, steps, () =>
        unlessPromptTooLong(sample, none),
      );
      return candidates;
    },
    async valueOf(steps, iteration, child, known) {
      const sample = async () => {
        const rolloutSeed = seedFor(seed, 'search', problem.id, iteration, 'rollouts', child);
        const { value, paths, sampled, unjudged, timedOut, asked } = await valueByRollouts(
          sampling,
          steps,
          config,
          rolloutSeed,
          known,
        );
        const reused = Math.min(known.length, config.rollouts);
        return { value, paths: [...paths], cost: { ...costOf(asked), rollouts: sampled, reused, unjudged, timedOut } };
      };
      const none = () => ({ value: 0, paths: [], cost: WITHOUT_ROOM });
      return await answered('value', { iteration, child }, steps, () => unlessPromptTooLong(sample, none));
    },
    async solve(n, iteration) {
      const sample = async () => {
        const solveSeed = seedFor(seed, 'search', problem.id, iteration, 'solutions');
        const { solutions, dropped, unjudged, timedOut, asked } = await sampleSolutions(sampling, n, config, solveSeed);
        const rollouts = asked.completions.length;
        return { solutions, cost: { ...costOf(asked), rollouts, dropped, unjudged, timedOut } };
      };
      const none = () => ({ solutions: [], cost: WITHOUT_ROOM });
      const { solutions } = await answered('solutions', { iteration, child: EXPANSION }, [], () =>
        unlessPromptTooLong(sample, none),
      );
      return solutions;
    },
    costOf: (iteration) => costs.get(iteration) ?? NO_COST,
  };
}

const WITHOUT_ROOM: Cost = { ...NO_COST, withoutRoom: 1 };

/** Identifies a state of a problem. A replaced attempt may have written answers for a different tree. */
const stateOf = (steps: readonly string[]): number => seedFor('state', ...steps);
