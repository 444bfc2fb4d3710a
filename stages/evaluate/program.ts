import { join } from 'node:path';
import { z } from 'zod';
import { countBacktracks } from '../../domains/backtracks.ts';
import type { Counts } from '../../spec/manifest.ts';
import { EvaluatedCompletion, FILES, Problem, partFile } from '../../spec/records.ts';
import { openJournal } from '../io/journal.ts';
import { readAllJsonl, writeJsonl } from '../io/jsonl.ts';
import { refuseUnlessSomeFit, unlessPromptTooLong } from '../policy/context-window.ts';
import { type Completion, connectPolicy, type Policy } from '../policy/policy.ts';
import { isMine, type StageContext, type StageProgram } from '../runtime/context.ts';
import { forEachProblem } from '../runtime/each-problem.ts';
import { seedFor } from '../runtime/random.ts';
import { startVerifier, type Verifier } from '../verifier/verifier.ts';

/** Sample number of the greedy completion. */
const GREEDY = -1;

/** Replaces the completions of a problem whose prompt leaves no space in the context. */
const UNSENT: Completion = { text: '', tokens: 0, finishReason: 'length', logprob: Number.NaN };

/** Journal entry of one problem: its completions, the greedy one first. */
const EvaluatedProblem = z.object({
  id: z.string(),
  completions: z.array(EvaluatedCompletion).min(1),
  /**
   * Whether the context had space for fewer tokens than the settings allow, or for none: then every completion is empty
   * and wrong.
   */
  room: z.enum(['cut', 'none']).optional(),
});
type EvaluatedProblem = z.infer<typeof EvaluatedProblem>;

/**
 * Samples a policy on every benchmark problem, also greedily if the settings say so, and has every completion verified.
 * The report computes pass@1 (with its n) from these records.
 */
export const evaluate: StageProgram<'evaluate'> = async (context) => {
  const { stage, part, dir } = context;
  const all = await readAllJsonl(context.inputFiles('prompts', FILES.prepare.benchmarks), Problem);
  const problems = all.filter((_, index) => isMine(index, context));
  const policy = await connectPolicy(context);
  const verifier = await startVerifier(context);
  const journal = await openJournal(context, EvaluatedProblem);
  try {
    const evaluated = await forEachProblem({
      context,
      journal,
      unit: 'problem',
      concurrency: stage.config.problemsInFlight,
      items: problems,
      idOf: ({ id }) => id,
      idOfEntry: ({ id }) => id,
      work: (problem) => evaluateProblem(problem, context, policy, verifier),
    });
    refuseUnlessSomeFit(problems.length, evaluated.filter(({ room }) => room === 'none').length);
    // Parsed again for the order of the fields, so that entries from the journal give the same bytes as new ones.
    const completions = evaluated.flatMap((problem) => EvaluatedProblem.parse(problem).completions);
    const path = `data/${partFile(FILES.evaluate.completions, part)}`;
    await writeJsonl(join(dir, path), completions, context.fence);
    const countRoom = (wanted: EvaluatedProblem['room']) => evaluated.filter(({ room }) => room === wanted).length;
    const room = { cutToRoom: countRoom('cut'), withoutRoom: countRoom('none') };
    return { files: [path], counts: { ...countsOf(problems.length, completions), ...room } };
  } finally {
    await Promise.all([verifier.close(), journal.close()]);
  }
};

async function evaluateProblem(
  problem: Problem,
  context: StageContext<'evaluate'>,
  policy: Policy,
  verifier: Verifier,
): Promise<EvaluatedProblem> {
  const { config, seed } = context.stage;
  const prompt = context.domain.prompts.solve(problem.problem);
  const request = { prompt, maxTokens: config.maxTokens, seed: seedFor(seed, 'evaluate', problem.id) };
  const ask = (n: number, temperature: number, topP: number): Promise<Completion[]> =>
    unlessPromptTooLong(
      () => policy.complete({ ...request, n, temperature, topP }),
      () => Array(n).fill(UNSENT),
    );
  const greedy = config.greedy ? await ask(1, 0, 1) : [];
  const sampled = await ask(config.samplesPerProblem, config.temperature, config.topP);
  const record = async (completion: Completion, sample: number): Promise<EvaluatedCompletion> => {
    const { text, tokens, finishReason } = completion;
    const { verdict, answer, reason = null } = await verifier.verify(problem, text);
    return {
      benchmark: problem.source,
      problemId: problem.id,
      problem: problem.problem,
      sample,
      mode: sample === GREEDY ? 'greedy' : 'sampled',
      text,
      tokens,
      finishReason,
      verdict,
      answer,
      reason,
      backtracks: countBacktracks(text, context.domain.phrases),
    };
  };
  const completions = await Promise.all([
    ...greedy.map((completion) => record(completion, GREEDY)),
    ...sampled.map((completion, sample) => record(completion, sample)),
  ]);
  const [first] = sampled;
  const room = first === UNSENT ? 'none' : first?.cutTo === undefined ? undefined : 'cut';
  return { id: problem.id, completions, ...(room && { room }) };
}

/** `right` and `unjudged` count samples; the greedy completions have their own counts. */
function countsOf(problems: number, completions: readonly EvaluatedCompletion[]): Counts {
  const sampled = completions.filter(({ mode }) => mode === 'sampled');
  const greedy = completions.filter(({ mode }) => mode === 'greedy');
  const judged = (of: readonly EvaluatedCompletion[], as: EvaluatedCompletion['verdict']) =>
    of.filter(({ verdict }) => verdict === as).length;
  return {
    problems,
    completions: sampled.length,
    right: judged(sampled, 'right'),
    unjudged: judged(sampled, 'unjudged'),
    timedOut: sampled.filter(({ reason }) => reason === 'timeout').length,
    greedyCompletions: greedy.length,
    greedyRight: judged(greedy, 'right'),
    completionTokens: completions.reduce((sum, { tokens }) => sum + tokens, 0),
  };
}
