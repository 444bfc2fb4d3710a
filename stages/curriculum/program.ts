import { join } from 'node:path';
import { z } from 'zod';
import type { Counts } from '../../spec/manifest.ts';
import { FILES, type PassRate, Problem, partFile } from '../../spec/records.ts';
import { openJournal } from '../io/journal.ts';
import { readAllJsonl, writeJsonl } from '../io/jsonl.ts';
import { refuseUnlessSomeFit, unlessPromptTooLong } from '../policy/context-window.ts';
import { type Completion, connectPolicy, type Policy } from '../policy/policy.ts';
import { isMine, type StageContext, type StageProgram } from '../runtime/context.ts';
import { forEachProblem } from '../runtime/each-problem.ts';
import { seedFor } from '../runtime/random.ts';
import { startVerifier, type Verifier } from '../verifier/verifier.ts';
import { decide, shareOfTarget, type Tally } from './window.ts';

/** Journal entry of one prompt. */
const PromptTally = z.object({
  id: z.string(),
  samples: z.int().min(1),
  right: z.int().min(0),
  unjudged: z.int().min(0),
  /** How many of the unjudged samples timed out. */
  timedOut: z.int().min(0),
  completionTokens: z.int().min(0),
  /** Whether the context had space for fewer tokens than the settings allow, or for none: then no sample is right. */
  room: z.enum(['cut', 'none']).optional(),
});
type PromptTally = z.infer<typeof PromptTally>;

/**
 * Samples the SFT policy several times on every candidate prompt, has each completion verified, and keeps the prompts
 * of moderate difficulty. Writes a record for *every* candidate, kept or not, with the reason.
 */
export const curriculum: StageProgram<'curriculum'> = async (context) => {
  const { stage, part, parts, dir, domain } = context;
  const all = await readAllJsonl(context.inputFiles('prompts', FILES.prepare.curriculum), Problem);
  const candidates = all.filter((_, index) => isMine(index, context));
  const policy = await connectPolicy(context);
  const verifier = await startVerifier(context);
  const journal = await openJournal(context, PromptTally);
  try {
    const tallies = await forEachProblem({
      context,
      journal,
      unit: 'prompt',
      concurrency: stage.config.problemsInFlight,
      items: candidates,
      idOf: ({ id }) => id,
      idOfEntry: ({ id }) => id,
      work: (problem) => tallyOf(problem, context, policy, verifier),
    });
    refuseUnlessSomeFit(candidates.length, tallies.filter(({ room }) => room === 'none').length);
    const target = shareOfTarget(stage.config.targetPrompts, part, parts);
    const tieBreak = (id: string) => seedFor(stage.seed, 'curriculum-tie', id);
    const decisions = decide(tallies, stage.config.passRate, target, tieBreak);
    const passRates = candidates.map((problem, index): PassRate => {
      const { samples, right, unjudged } = tallies[index] as Tally;
      return { problem, prompt: domain.prompts.solve(problem.problem), samples, right, unjudged, ...decisions[index]! };
    });
    if (!passRates.some(({ kept }) => kept)) {
      context.log.warn(
        { window: stage.config.passRate },
        'no prompt is in the pass-rate window; RL will have nothing to train on',
      );
    }
    const path = `data/${partFile(FILES.curriculum.passRates, part)}`;
    await writeJsonl(join(dir, path), passRates, context.fence);
    return { files: [path], counts: countsOf(passRates, tallies) };
  } finally {
    await Promise.all([verifier.close(), journal.close()]);
  }
};

/**
 * Samples and judges one prompt. The seed belongs to the prompt, so the tally depends neither on the order nor on the
 * shards.
 */
async function tallyOf(
  problem: Problem,
  { stage: { seed, config }, domain }: StageContext<'curriculum'>,
  policy: Policy,
  verifier: Verifier,
): Promise<PromptTally> {
  const request = {
    prompt: domain.prompts.solve(problem.problem),
    n: config.samplesPerPrompt,
    maxTokens: config.maxTokens,
    temperature: config.temperature,
    topP: config.topP,
    seed: seedFor(seed, 'curriculum', problem.id),
  };
  const completions = await unlessPromptTooLong(
    () => policy.complete(request),
    (): Completion[] => [],
  );
  const room = completions.length === 0 ? 'none' : completions[0]?.cutTo === undefined ? undefined : 'cut';
  const verdicts = await Promise.all(completions.map(({ text }) => verifier.verify(problem, text)));
  return {
    id: problem.id,
    samples: request.n,
    right: verdicts.filter(({ verdict }) => verdict === 'right').length,
    unjudged: verdicts.filter(({ verdict }) => verdict === 'unjudged').length,
    timedOut: verdicts.filter(({ reason }) => reason === 'timeout').length,
    completionTokens: completions.reduce((sum, { tokens }) => sum + tokens, 0),
    ...(room && { room }),
  };
}

function countsOf(passRates: readonly PassRate[], tallies: readonly PromptTally[]): Counts {
  const countBy = (reason: PassRate['reason']) => passRates.filter((one) => one.reason === reason).length;
  const sum = (of: (tally: PromptTally) => number) => tallies.reduce((total, tally) => total + of(tally), 0);
  return {
    candidates: passRates.length,
    kept: countBy('kept'),
    tooEasy: countBy('too-easy'),
    tooHard: countBy('too-hard'),
    overTarget: countBy('over-target'),
    completions: sum(({ samples }) => samples),
    right: sum(({ right }) => right),
    unjudged: sum(({ unjudged }) => unjudged),
    timedOut: sum(({ timedOut }) => timedOut),
    completionTokens: sum(({ completionTokens }) => completionTokens),
    cutToRoom: sum(({ room }) => (room === 'cut' ? 1 : 0)),
    withoutRoom: sum(({ room }) => (room === 'none' ? 1 : 0)),
  };
}
