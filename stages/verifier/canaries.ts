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

/** Reasons of the verifier for being without a verdict that say nothing about the completion: a slow or a full machine has them too. */
const OF_THE_MACHINE: ReadonlySet<string> = new Set(['timeout', 'memory', 'crash']);

export interface CanaryFile {
  readonly path: string;
  readonly canaries: readonly Canary[];
}

/** @throws StageExit `InvalidInput` when the domain has none, or a line is none */
export async function readCanaries({ name, folder }: Pick<LoadedDomain, 'name' | 'folder'>): Promise<CanaryFile> {
  // @loads domains/{domain}/canaries.jsonl?
  const path = join(folder, 'canaries.jsonl');
  if (existsSync(path)) return { path, canaries: await readAllJsonl([path], Canary) };
  throw new StageExit(
    'InvalidInput',
    `${path}: expected cases that the verifier of ${name} must judge right, but there are none`,
  );
}

/** What became of the canaries: those that were judged otherwise than they state, and why the first without a verdict has none. */
export interface CanaryCheck {
  /** One in words for each; empty when all is well. */
  readonly misjudged: readonly string[];
  /** Null unless the verifier did not get to one, which is no fault of its own. */
  readonly unreached: string | null;
}

/** Has every canary judged anew, whatever the verifier remembers. */
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
    if (came === 'unjudged' && OF_THE_MACHINE.has(reason ?? '')) unreached ??= reason;
    else
      misjudged.push(
        `case ${index + 1} ("${canary.completion.slice(-60)}"): expected ${canary.verdict}, but got ${came}`,
      );
  }
  return { misjudged, unreached };
}
