import { searchPrompt } from '../../domains/domain.ts';
import type { Verdict } from '../../spec/records.ts';
import type { CompletionBatch } from '../policy/policy.ts';
import type { Solution } from './best-of-n.ts';
import { unjudgedAmong } from './cost.ts';
import { type RolloutSettings, untilAnswer } from './rollout.ts';
import type { SamplingContext } from './sampling-context.ts';

/** Settings for sampling whole solutions. */
export type SolutionSettings = Pick<RolloutSettings, 'maxRolloutTokens' | 'temperature' | 'topP'> & {
  readonly maxDepth: number;
};

/**
 * Samples n solutions from the root, as rollouts are sampled, and lets the verifier judge them.
 *
 * A solution that `maxRolloutTokens` or `maxDepth` cuts before an answer is closed, like a path of the search: reward 0
 * and no answer. One that cannot be judged is no evidence; it gets no answer either, so it never becomes a wrong
 * branch. Empty ones are dropped.
 * @returns solutions in the order of the server, how many were dropped, how many could not be judged, and how many of
 *   these timed out
 */
export async function sampleSolutions(
  { problem, domain, policy, verifier }: SamplingContext,
  n: number,
  settings: SolutionSettings,
  seed: number,
): Promise<{ solutions: Solution[]; dropped: number; unjudged: number; timedOut: number; asked: CompletionBatch }> {
  const asked = await policy.ask({
    prompt: domain.join([searchPrompt(domain, problem.problem)]),
    n,
    maxTokens: settings.maxRolloutTokens,
    temperature: settings.temperature,
    topP: settings.topP,
    ...(domain.solutionStops && { stop: domain.solutionStops }),
    seed,
    logprobs: false,
    affinity: problem.id,
  });
  const paths = asked.completions
    .map(({ text, finishReason }) => ({ steps: untilAnswer(domain, text), finishReason }))
    .filter(({ steps }) => steps.length > 0);
  const judged = await Promise.all(
    paths.map(async ({ steps, finishReason }): Promise<{ solution: Solution; verdict: Verdict | null }> => {
      const cut = finishReason === 'length' && !domain.isTerminal(steps.at(-1)!);
      if (cut || steps.length > settings.maxDepth) {
        const end = { reward: 0, answer: null };
        return { solution: { steps: steps.slice(0, settings.maxDepth), end }, verdict: null };
      }
      const verdict = await verifier.verify(problem, domain.join(steps));
      const answer = verdict.verdict === 'unjudged' ? null : verdict.answer;
      return { solution: { steps, end: { reward: verdict.verdict === 'right' ? 1 : 0, answer } }, verdict };
    }),
  );
  return {
    solutions: judged.map(({ solution }) => solution),
    dropped: asked.completions.length - paths.length,
    ...unjudgedAmong(judged.flatMap(({ verdict }) => verdict ?? [])),
    asked,
  };
}
