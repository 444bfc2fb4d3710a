import { type Domain, ownSolution, searchPrompt } from '../../domains/domain.ts';
import type { Verdict } from '../../spec/records.ts';
import type { Completion, CompletionBatch } from '../policy/policy.ts';
import { unjudgedAmong } from './cost.ts';
import type { Candidate } from './mcts.ts';
import type { SamplingContext } from './sampling-context.ts';

/** Settings for sampling candidate steps. */
export interface ExpansionSettings {
  readonly candidates: number;
  readonly maxStepTokens: number;
  readonly temperature: number;
  readonly topP: number;
}

/**
 * Samples k steps after `steps`, merges equal ones, and lets the verifier judge those that end the solution.
 * @returns distinct candidates in the order of sampling, how many samples were dropped as malformed, and how many
 *   ending candidates could not be judged
 */
export async function sampleCandidates(
  { problem, domain, policy, verifier }: SamplingContext,
  steps: readonly string[],
  settings: ExpansionSettings,
  seed: number,
): Promise<{ candidates: Candidate[]; dropped: number; unjudged: number; timedOut: number; asked: CompletionBatch }> {
  const asked = await policy.ask({
    prompt: domain.join([searchPrompt(domain, problem.problem), ...steps]),
    n: settings.candidates,
    maxTokens: settings.maxStepTokens,
    temperature: settings.temperature,
    topP: settings.topP,
    stop: [...domain.stepStops, ...(domain.solutionStops ?? [])],
    seed,
    affinity: problem.id,
  });
  const { distinct, dropped } = distinctSteps(asked.completions, domain);
  const verdicts = await Promise.all(
    distinct.map(async ({ step, ends }) =>
      ends ? await verifier.verify(problem, domain.join([...steps, step])) : null,
    ),
  );
  const candidates = distinct.map(
    ({ step, prior }, index): Candidate => ({ step, prior, end: endOf(verdicts[index]!) }),
  );
  return { candidates, dropped, ...unjudgedAmong(verdicts.filter((verdict) => verdict !== null)), asked };
}

/**
 * What a verdict means for a terminal. A missing verdict is no evidence; without an answer, the terminal never becomes
 * a wrong branch.
 */
function endOf(verdict: Verdict | null): Candidate['end'] {
  if (verdict === null) return null;
  if (verdict.verdict === 'unjudged') return { reward: 0, answer: null };
  return { reward: verdict.verdict === 'right' ? 1 : 0, answer: verdict.answer };
}

export interface DistinctStep {
  readonly step: string;
  readonly prior: number;
  /** Whether the solution ends here: the step has a final answer, or the policy ended its text. */
  readonly ends: boolean;
}

/**
 * The distinct steps among sampled completions, with P(a|S): the probability of the step under the policy, normalised
 * over the distinct steps (*ours*).
 *
 * The probability of a text is the sum over all its tokenizations, and a sample shows one of them: `exp` of the summed
 * log-probabilities of its tokens, including the stop string's. So equal steps are merged by adding the probabilities
 * of the *different* tokenizations that were sampled. How often one was sampled does not count again, because its
 * probability covers that. There is no division by length, so long steps are not favoured.
 *
 * Dropped are empty completions, those that the token limit cut inside a step, and those that belong to another
 * problem.
 */
export function distinctSteps(
  completions: readonly Pick<Completion, 'text' | 'finishReason' | 'logprob' | 'spelling'>[],
  domain: Pick<Domain, 'splitSteps' | 'join' | 'isTerminal' | 'stepStops' | 'solutionStops'>,
): { distinct: DistinctStep[]; dropped: number } {
  const found = new Map<string, { spellings: Map<string, number>; ends: boolean }>();
  let dropped = 0;
  for (const { text, finishReason, logprob, spelling = '' } of completions) {
    const step = domain.join(domain.splitSteps(ownSolution(domain, text)));
    if (finishReason === 'length' || step === '') {
      dropped += 1;
      continue;
    }
    const ends = domain.isTerminal(step) || !domain.stepStops.some((stop) => text.endsWith(stop));
    const spellings = found.get(step)?.spellings ?? new Map<string, number>();
    // In another batch the last bits of a log-probability differ. For one tokenization the highest value counts.
    spellings.set(spelling, Math.max(logprob, spellings.get(spelling) ?? Number.NEGATIVE_INFINITY));
    found.set(step, { ends, spellings });
  }
  const priors = normalised([...found.values()].map(({ spellings }) => logSumExp([...spellings.values()])));
  const distinct = [...found].map(([step, { ends }], index) => ({ step, prior: priors[index]!, ends }));
  return { distinct, dropped };
}

/** log Σ exp. The largest value is subtracted first, so that long texts do not all underflow to 0. */
function logSumExp(logprobs: readonly number[]): number {
  const largest = Math.max(...logprobs);
  return largest + Math.log(logprobs.reduce((sum, logprob) => sum + Math.exp(logprob - largest), 0));
}

/** Probabilities proportional to exp(logprob). */
function normalised(logprobs: readonly number[]): number[] {
  const sum = logSumExp(logprobs);
  return logprobs.map((logprob) => Math.exp(logprob - sum));
}
