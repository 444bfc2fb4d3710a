import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { LoadedDomain } from '../../domains/domain.ts';
import { Verdict } from '../../spec/records.ts';
import { readAllJsonl } from '../io/jsonl.ts';
import { StageExit } from '../runtime/exits.ts';
import type { VerifierProcess } from './process.ts';

/** A case that the verifier must judge as stated: one line of `domains/<name>/canaries.jsonl`. */
export const Canary = z.object({
  problem: z.string(),
  reference: z.string(),
  completion: z.string(),
  verdict: Verdict.shape.verdict,
});
export type Canary = z.infer<typeof Canary>;

/** Reasons for a missing verdict that say nothing about the completion: a slow or full machine causes them too. */
const MACHINE_REASONS: ReadonlySet<string> = new Set(['timeout', 'memory', 'crash']);

export interface CanaryFile {
  readonly path: string;
  readonly canaries: readonly Canary[];
}

/** @throws StageExit `InvalidInput` when the domain has no canaries, or a line is not a canary */
export async function readCanaries({ name, folder }: Pick<LoadedDomain, 'name' | 'folder'>): Promise<CanaryFile> {
  // @loads domains/{domain}/canaries.jsonl?
  const path = join(folder, 'canaries.jsonl');
  if (existsSync(path)) return { path, canaries: await readAllJsonl([path], Canary) };
  throw new StageExit(
    'InvalidInput',
    `${path}: expected cases that the verifier of ${name} must judge right, but there are none`,
  );
}

/** The result of judging the canaries. */
export interface CanaryCheck {
  /** One message for each canary that got another verdict than it states; empty when the verifier is right. */
  readonly misjudged: readonly string[];
  /**
   * Why the verifier could not judge a canary, for the first such canary; null when there is none. That is not its own
   * fault.
   */
  readonly unreached: string | null;
}

/** Judges every canary again, bypassing the verifier's memory of earlier verdicts. */
export async function judgeCanaries(
  { canaries }: CanaryFile,
  verifier: Pick<VerifierProcess, 'judge'>,
): Promise<CanaryCheck> {
  const verdicts = await Promise.all(
    canaries.map(({ problem, reference, completion }) =>
      verifier.judge({ problem, reference, completion, fresh: true }),
    ),
  );
  const misjudged: string[] = [];
  let unreached: string | null = null;
  for (const [index, canary] of canaries.entries()) {
    const { verdict: came, reason } = verdicts[index]!;
    if (came === canary.verdict) continue;
    if (came === 'unjudged' && MACHINE_REASONS.has(reason ?? '')) unreached ??= reason;
    else
      misjudged.push(
        `case ${index + 1} ("${canary.completion.slice(-60)}"): expected ${canary.verdict}, but got ${came}`,
      );
  }
  return { misjudged, unreached };
}
