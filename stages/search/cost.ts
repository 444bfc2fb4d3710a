import { z } from 'zod';
import type { Verdict } from '../../spec/records.ts';
import type { CompletionBatch } from '../policy/policy.ts';

/** What the answers of the policy and the verifier took. */
export const Cost = z.object({
  requests: z.int().min(0),
  promptTokens: z.int().min(0),
  completionTokens: z.int().min(0),
  /** Sampled rollouts. */
  rollouts: z.int().min(0),
  /** Rollouts of the parent that were reused for a child. */
  reused: z.int().min(0),
  /** Sampled candidates that were malformed. */
  dropped: z.int().min(0),
  /** Rollouts that could not be judged. */
  unjudged: z.int().min(0),
  /** Candidates that end a solution and could not be judged. */
  unjudgedTerminals: z.int().min(0),
  /** How many of both ran into the verifier's time limit. */
  timedOut: z.int().min(0),
  /** Requests that asked for fewer tokens than the settings allow, because the context had no space for more. */
  cutToRoom: z.int().min(0),
  /** Prompts that were not sent, because they leave no space in the context. */
  withoutRoom: z.int().min(0),
});
export type Cost = z.infer<typeof Cost>;

export const NO_COST: Cost = {
  requests: 0,
  promptTokens: 0,
  completionTokens: 0,
  rollouts: 0,
  reused: 0,
  dropped: 0,
  unjudged: 0,
  unjudgedTerminals: 0,
  timedOut: 0,
  cutToRoom: 0,
  withoutRoom: 0,
};

/** The cost of one answer of the policy; {@link NO_COST} when it was not asked. */
export const costOf = (asked: CompletionBatch | null): Cost =>
  asked === null
    ? NO_COST
    : {
        ...NO_COST,
        requests: 1,
        cutToRoom: asked.isCut ? 1 : 0,
        promptTokens: asked.promptTokens,
        completionTokens: asked.completionTokens,
      };

export function addCosts(a: Cost, b: Cost): Cost {
  return {
    requests: a.requests + b.requests,
    promptTokens: a.promptTokens + b.promptTokens,
    completionTokens: a.completionTokens + b.completionTokens,
    rollouts: a.rollouts + b.rollouts,
    reused: a.reused + b.reused,
    dropped: a.dropped + b.dropped,
    unjudged: a.unjudged + b.unjudged,
    unjudgedTerminals: a.unjudgedTerminals + b.unjudgedTerminals,
    timedOut: a.timedOut + b.timedOut,
    cutToRoom: a.cutToRoom + b.cutToRoom,
    withoutRoom: a.withoutRoom + b.withoutRoom,
  };
}

/** How many of the verdicts are missing, and how many of these because of the time limit. */
export const unjudgedAmong = (verdicts: readonly Verdict[]): { unjudged: number; timedOut: number } => ({
  unjudged: verdicts.filter(({ verdict }) => verdict === 'unjudged').length,
  timedOut: verdicts.filter(({ reason }) => reason === 'timeout').length,
});
