import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Problem, type StageKind, Verdict } from '../spec/index.ts';
import type { StageContext } from './context.ts';
import type { LoadedDomain } from './domain.ts';
import { StageExit } from './exits.ts';
import { readAllJsonl } from './jsonl.ts';
import { pythonCommand } from './python.ts';
import { superviseVerifier, type VerifierLimits, type VerifierProcess } from './verifier-process.ts';

/** Judges completions by the verifier of the domain. */
export interface Verifier {
  /** @throws StageExit `DependencyDown` when the verifier dies or hangs over and over */
  verify(problem: Problem, completion: string): Promise<Verdict>;
  close(): Promise<void>;
}

/** A case that the verifier must judge as stated: one line of `domains/<name>/canaries.jsonl`. */
export const Canary = z.object({
  problem: z.string(),
  reference: z.string(),
  completion: z.string(),
  verdict: Verdict.shape.verdict,
});
export type Canary = z.infer<typeof Canary>;

/**
 * Starts the verifier of the domain, and lets it judge the domain's canaries before anything else: a verifier that has gone wrong
 * (another version of a library, a broken edit) would otherwise teach the policy nonsense in silence.
 * @throws StageExit `InvalidInput` when a canary is judged otherwise than it states
 * @throws StageExit `DependencyDown` when the verifier cannot be started, or did not get to judging one (it was too slow, or killed)
 */
export async function startVerifier(
  context: Pick<StageContext<StageKind>, 'domain' | 'log' | 'signal' | 'stage'>,
  command: readonly [string, ...string[]] = pythonCommand('orrery_trainers.verifier', '--domain', context.domain.name),
  limits: VerifierLimits = {},
): Promise<Verifier> {
  const verifier = superviseVerifier(command, context, limits);
  try {
    await checkCanaries(context.domain, verifier);
  } catch (error) {
    await verifier.close();
    throw error;
  }
  return {
    verify: ({ problem, reference }, completion) => verifier.judge({ problem, reference, completion }),
    close: verifier.close,
  };
}

/** Reasons of the verifier for being without a verdict that say nothing about the completion: a slow or a full machine has them too. */
const OF_THE_MACHINE: ReadonlySet<string> = new Set(['timeout', 'memory', 'crash']);

async function checkCanaries({ name, folder }: LoadedDomain, verifier: VerifierProcess): Promise<void> {
  const file = join(folder, 'canaries.jsonl');
  if (!existsSync(file)) {
    throw new StageExit(
      'InvalidInput',
      `${file}: expected cases that the verifier of ${name} must judge right, but there are none`,
    );
  }
  const canaries = await readAllJsonl([file], Canary);
  const verdicts = await Promise.all(canaries.map((canary) => verifier.judge(canary)));
  const wrong = canaries.flatMap((canary, index) => {
    const { verdict: came, reason } = verdicts[index]!;
    if (came === canary.verdict) return [];
    if (came === 'unjudged' && OF_THE_MACHINE.has(reason ?? '')) {
      const words = `the verifier of domain ${name} did not get to judge a canary of ${file} (${reason}); is the machine overloaded?`;
      throw new StageExit('DependencyDown', words);
    }
    return [`case ${index + 1} ("${canary.completion.slice(-60)}"): expected ${canary.verdict}, but got ${came}`];
  });
  if (wrong.length === 0) return;
  throw new StageExit(
    'InvalidInput',
    `the verifier of domain ${name} misjudges ${wrong.length} of ${canaries.length} canaries of ${file}: ${wrong.slice(0, 3).join('; ')}`,
  );
}
