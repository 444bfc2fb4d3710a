import { searchPrompt } from '../domain.ts';
import type { Asked } from '../policy.ts';
import type { Solution } from './best-of-n.ts';
import { type RolloutSettings, type RolloutWorld, untilAnswer } from './rollout.ts';

/** Sampling of whole solutions. */
export type SolutionSettings = Pick<RolloutSettings, 'maxRolloutTokens' | 'temperature' | 'topP'> & {
  readonly maxDepth: number;
};

/**
 * Samples n solutions from the root, as rollouts are sampled, and has them judged.
 *
 * One that `maxRolloutTokens` or `maxDepth` cuts before an answer is closed, as a path of the search is: reward 0 and no answer. One that
 * cannot be judged is no evidence of anything: it has no answer either, so that it is never a wrong branch. Empty ones are dropped.
 * @returns solutions in the order of the server, how many were dropped, and how many could not be judged
 */
export async function sampleSolutions(
  { problem, domain, policy, verifier }: RolloutWorld,
  n: number,
  settings: SolutionSettings,
  seed: number,
): Promise<{ solutions: Solution[]; dropped: number; unjudged: number; asked: Asked }> {
  const asked = await policy.ask({
    prompt: domain.join([searchPrompt(domain, problem.problem)]),
    n,
    maxTokens: settings.maxRolloutTokens,
    temperature: settings.temperature,
    topP: settings.topP,
    seed,
    logprobs: false,
    affinity: problem.id,
  });
  const paths = asked.completions
    .map(({ text, finishReason }) => ({ steps: untilAnswer(domain, text), finishReason }))
    .filter(({ steps }) => steps.length > 0);
  const judged = await Promise.all(
    paths.map(async ({ steps, finishReason }): Promise<Solution & { unjudged: boolean }> => {
      const cut = finishReason === 'length' && !domain.isTerminal(steps.at(-1)!);
      if (cut || steps.length > settings.maxDepth) {
        return { steps: steps.slice(0, settings.maxDepth), end: { reward: 0, answer: null }, unjudged: false };
      }
      const { verdict, answer } = await verifier.verify(problem, domain.join(steps));
      if (verdict === 'unjudged') return { steps, end: { reward: 0, answer: null }, unjudged: true };
      return { steps, end: { reward: verdict === 'right' ? 1 : 0, answer }, unjudged: false };
    }),
  );
  return {
    solutions: judged.map(({ steps, end }) => ({ steps, end })),
    dropped: asked.completions.length - paths.length,
    unjudged: judged.filter(({ unjudged }) => unjudged).length,
    asked,
  };
}
