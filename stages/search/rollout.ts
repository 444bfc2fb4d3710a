import { type Domain, ownSolution, searchPrompt } from '../../domains/domain.ts';
import type { CompletionBatch } from '../policy/policy.ts';
import { unjudgedAmong } from './cost.ts';
import type { RolloutPath, StateValue } from './mcts.ts';
import type { SamplingContext } from './sampling-context.ts';

/** Settings for sampling rollouts. */
export interface RolloutSettings {
  readonly rollouts: number;
  readonly maxRolloutTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly reuseRollouts: boolean;
}

/**
 * Value of a state: R, the mean verifier score of M solutions that are sampled from it to their end.
 *
 * A rollout that cannot be judged says nothing and is left out of the mean. When none can be judged, R is 0.
 *
 * Rollouts of the parent whose first step led to this state are samples from this state as well: after that step, the
 * policy drew the rest of their text at this state. They count among the M, and only the others are sampled. R stays
 * the mean of M rollouts.
 * @param known - rollouts of the parent through this state; the first M of them count
 * @returns R, the tokens that it took, how many rollouts were sampled, how many of the M could not be judged, and how
 *   many sampled ones timed out
 */
export async function valueByRollouts(
  { problem, domain, policy, verifier }: SamplingContext,
  steps: readonly string[],
  settings: RolloutSettings,
  seed: number,
  known: readonly RolloutPath[] = [],
): Promise<StateValue & { sampled: number; unjudged: number; timedOut: number; asked: CompletionBatch | null }> {
  const reused = known.slice(0, settings.rollouts);
  const n = settings.rollouts - reused.length;
  const asked = n === 0 ? null : await policy.ask(requestOf(n));
  const ends = (asked?.completions ?? []).map(({ text }) => untilAnswer(domain, text));
  const verdicts = await Promise.all(ends.map((path) => verifier.verify(problem, domain.join([...steps, ...path]))));
  const sampled = ends.map((path, index): RolloutPath => {
    const { verdict } = verdicts[index]!;
    return { step: path[0] ?? '', right: verdict === 'unjudged' ? null : verdict === 'right' };
  });
  const judged = [...reused, ...sampled].filter(({ right }) => right !== null);
  const right = judged.filter((path) => path.right).length;
  return {
    value: judged.length === 0 ? 0 : right / judged.length,
    // Only rollouts that were sampled here can be reused: the first step of a reused one lies before this state.
    paths: settings.reuseRollouts ? sampled : [],
    sampled: sampled.length,
    unjudged: settings.rollouts - judged.length,
    timedOut: unjudgedAmong(verdicts).timedOut,
    asked,
  };

  function requestOf(count: number) {
    return {
      prompt: domain.join([searchPrompt(domain, problem.problem), ...steps]),
      n: count,
      maxTokens: settings.maxRolloutTokens,
      temperature: settings.temperature,
      topP: settings.topP,
      ...(domain.solutionStops && { stop: domain.solutionStops }),
      seed,
      logprobs: false,
      affinity: problem.id,
    };
  }
}

/**
 * Steps up to the first final answer, or to where the policy begins another problem, whose answer was not asked for.
 */
export function untilAnswer(
  domain: Pick<Domain, 'splitSteps' | 'isTerminal' | 'solutionStops'>,
  completion: string,
): string[] {
  const steps = domain.splitSteps(ownSolution(domain, completion));
  const end = steps.findIndex((step) => domain.isTerminal(step));
  return end === -1 ? steps : steps.slice(0, end + 1);
}
