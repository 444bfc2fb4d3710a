import type { Problem } from '../../spec/index.ts';
import type { Domain } from '../domain.ts';
import type { Policy } from '../policy.ts';
import type { Verifier } from '../verifier.ts';

/** Sampling of rollouts. */
export interface RolloutSettings {
  readonly rollouts: number;
  readonly maxRolloutTokens: number;
  readonly temperature: number;
  readonly topP: number;
}

/**
 * Value of a state: R, the mean verifier score of M solutions sampled from it to their end.
 *
 * A rollout that cannot be judged says nothing and is left out of the mean; without any that can, R is 0.
 * @returns R in [0, 1], how many rollouts there were, and how many of them could not be judged
 */
export async function valueByRollouts(
  { problem, domain, policy, verifier }: { problem: Problem; domain: Domain; policy: Policy; verifier: Verifier },
  steps: readonly string[],
  settings: RolloutSettings,
  seed: number,
): Promise<{ value: number; rollouts: number; unjudged: number }> {
  const completions = await policy.complete({
    prompt: domain.join([domain.prompts.solve(problem.problem), ...steps]),
    n: settings.rollouts,
    maxTokens: settings.maxRolloutTokens,
    temperature: settings.temperature,
    topP: settings.topP,
    seed,
  });
  const verdicts = await Promise.all(
    completions.map(({ text }) => verifier.verify(problem, domain.join([...steps, ...untilAnswer(domain, text)]))),
  );
  const judged = verdicts.filter(({ verdict }) => verdict !== 'unjudged');
  const right = judged.filter(({ verdict }) => verdict === 'right').length;
  const value = judged.length === 0 ? 0 : right / judged.length;
  return { value, rollouts: verdicts.length, unjudged: verdicts.length - judged.length };
}

/** Steps up to the first final answer. A policy that does not stop there goes on with another problem, whose answer is not the one asked for. */
export function untilAnswer(domain: Pick<Domain, 'splitSteps' | 'isTerminal'>, completion: string): string[] {
  const steps = domain.splitSteps(completion);
  const end = steps.findIndex((step) => domain.isTerminal(step));
  return end === -1 ? steps : steps.slice(0, end + 1);
}
