import type { Problem } from '../../spec/index.ts';
import type { Domain } from '../domain.ts';
import type { Completion, Policy } from '../policy.ts';
import type { Verifier } from '../verifier.ts';
import type { Candidate } from './mcts.ts';

/** Sampling of candidate steps. */
export interface ExpansionSettings {
  readonly candidates: number;
  readonly maxStepTokens: number;
  readonly temperature: number;
  readonly topP: number;
}

/**
 * Samples k steps after `steps`, merges equal ones, and has those judged that end the solution.
 * @returns distinct candidates in the order of sampling, and how many samples were dropped as malformed
 */
export async function sampleCandidates(
  { problem, domain, policy, verifier }: { problem: Problem; domain: Domain; policy: Policy; verifier: Verifier },
  steps: readonly string[],
  settings: ExpansionSettings,
  seed: number,
): Promise<{ candidates: Candidate[]; dropped: number }> {
  const completions = await policy.complete({
    prompt: domain.join([domain.prompts.solve(problem.problem), ...steps]),
    n: settings.candidates,
    maxTokens: settings.maxStepTokens,
    temperature: settings.temperature,
    topP: settings.topP,
    stop: domain.stepStops,
    seed,
  });
  const { distinct, dropped } = distinctSteps(completions, domain);
  const candidates = distinct.map(async ({ step, prior, ends }): Promise<Candidate> => {
    if (!ends) return { step, prior, end: null };
    const { verdict, answer } = await verifier.verify(problem, domain.join([...steps, step]));
    // An answer that could not be judged is no evidence of anything: without its answer it is never a wrong branch.
    if (verdict === 'unjudged') return { step, prior, end: { reward: 0, answer: null } };
    return { step, prior, end: { reward: verdict === 'right' ? 1 : 0, answer } };
  });
  return { candidates: await Promise.all(candidates), dropped };
}

export interface DistinctStep {
  readonly step: string;
  readonly prior: number;
  /** Whether the solution ends here: the step holds a final answer, or the policy ended its text. */
  readonly ends: boolean;
}

/**
 * Distinct steps among sampled completions, with P(a|S): the probability of the step under the policy, from the summed log-probabilities
 * of its tokens, normalised over the distinct steps (*ours*). How often a step was drawn does not count again: that is in its probability.
 *
 * Dropped are empty completions, and those that the token limit cut in the middle of a step.
 */
export function distinctSteps(
  completions: readonly Pick<Completion, 'text' | 'finishReason' | 'logprob'>[],
  domain: Pick<Domain, 'splitSteps' | 'join' | 'isTerminal' | 'stepStops'>,
): { distinct: DistinctStep[]; dropped: number } {
  const found = new Map<string, { logprob: number; ends: boolean }>();
  let dropped = 0;
  for (const { text, finishReason, logprob } of completions) {
    const step = domain.join(domain.splitSteps(text));
    if (finishReason === 'length' || step === '') {
      dropped += 1;
      continue;
    }
    const ends = domain.isTerminal(step) || !domain.stepStops.some((stop) => text.endsWith(stop));
    // The same text in other tokens has another probability; the likeliest spelling stands for the step.
    found.set(step, { ends, logprob: Math.max(logprob, found.get(step)?.logprob ?? Number.NEGATIVE_INFINITY) });
  }
  const priors = normalised([...found.values()].map(({ logprob }) => logprob));
  const distinct = [...found].map(([step, { ends }], index) => ({ step, prior: priors[index]!, ends }));
  return { distinct, dropped };
}

/** Probabilities in proportion to exp(logprob). The largest is taken out first, so that long steps do not all underflow to 0. */
function normalised(logprobs: readonly number[]): number[] {
  const largest = Math.max(...logprobs);
  const weights = logprobs.map((logprob) => Math.exp(logprob - largest));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}
