import { join } from 'node:path';
import { z } from 'zod';
import { DroppedTrace, RewriteFault } from '../../spec/curated-card.ts';
import type { Counts } from '../../spec/manifest.ts';
import { FILES, partFile, Solution, Trace } from '../../spec/records.ts';
import { openJournal } from '../io/journal.ts';
import { readAllJsonl, writeJsonl } from '../io/jsonl.ts';
import { unlessPromptTooLong } from '../policy/context-window.ts';
import { connectPolicy, type Policy } from '../policy/policy.ts';
import type { StageContext, StageProgram } from '../runtime/context.ts';
import type { EachProblem } from '../runtime/each-problem.ts';
import { random, seedFor } from '../runtime/random.ts';
import { compose } from './compose.ts';
import { outline, type Part } from './outline.ts';
import { type Rewritten, rewriteStep } from './rewrite-step.ts';
import { shareOf, stratifiedOrder } from './select.ts';
import { untilEnough } from './until-enough.ts';

const CONTEXT_FULL: Rewritten = {
  text: null,
  tokens: 0,
  faults: [{ reason: 'context', detail: 'the solution has outgrown the context: no space is left for the step' }],
};

/** Journal entry of one trace. */
const Rewriting = z.object({
  trace: z.string().min(1),
  /** null when a step could not be rewritten. */
  solution: Solution.nullable(),
  /** Number of rejected rewritten steps, by reason. */
  faults: z.partialRecord(RewriteFault, z.int().min(1)),
  /** Set when the solution was dropped, with the reason of the last rejection. */
  dropped: DroppedTrace.nullable(),
});
type Rewriting = z.infer<typeof Rewriting>;

export interface Services {
  connectPolicy(context: StageContext<'rewrite'>): Promise<Policy>;
}

/**
 * Stage `rewrite`: turns traces into solutions, node by node, until there are enough. A dropped solution is replaced by
 * the next trace.
 */
export const rewrite: StageProgram<'rewrite'> = (context) => rewriteWith(context, { connectPolicy });

export async function rewriteWith(
  context: StageContext<'rewrite'>,
  services: Services,
): ReturnType<StageProgram<'rewrite'>> {
  const { config, seed } = context.stage;
  const everything = await readAllJsonl(context.inputFiles('traces', FILES.linearise.traces), Trace);
  const { traces, target } = shareOf(stratifiedOrder(everything, seed), config.targetSolutions, context);
  const policy = await services.connectPolicy(context);
  const journal = await openJournal(context, Rewriting);
  try {
    const loop: EachProblem<Trace, Rewriting> = {
      context,
      journal,
      items: traces,
      idOf: ({ id }) => id,
      idOfEntry: ({ trace }) => trace,
      unit: 'solution',
      concurrency: config.solutionsInFlight,
      work: (trace, signal) => rewriteTrace(trace, context, policy, signal),
    };
    const isGood = ({ solution }: Rewriting) => solution !== null;
    const worked = Map.groupBy(await untilEnough(loop, { target, isGood }), ({ trace }) => trace);
    // Written in the order of the traces, which keeps the traces of one problem together.
    const rewritings = everything.flatMap(({ id }) => worked.get(id) ?? []);
    const solutions = rewritings.flatMap(({ solution }) => solution ?? []);
    const dropped = rewritings.flatMap((rewriting) => rewriting.dropped ?? []);
    const [file, drops] = [FILES.rewrite.solutions, FILES.rewrite.dropped].map((name) =>
      join('data', partFile(name, context.part)),
    ) as [string, string];
    // Parsed again for the order of the fields, so that entries from the journal give the same bytes as new ones.
    const write = <T>(name: string, schema: z.ZodType<T>, records: readonly T[]) =>
      writeJsonl(
        join(context.dir, name),
        records.map((record) => schema.parse(record)),
        context.fence,
      );
    await write(file, Solution, solutions);
    await write(drops, DroppedTrace, dropped);
    return { files: [file, drops], counts: countsOf(rewritings, solutions) };
  } finally {
    await journal.close();
  }
}

async function rewriteTrace(
  trace: Trace,
  { stage, domain, log }: StageContext<'rewrite'>,
  policy: Policy,
  signal: AbortSignal,
): Promise<Rewriting> {
  const { config, seed } = stage;
  const { id, problem, k } = trace;
  const prompt = domain.prompts.solve(problem.problem);
  const written: Part[] = [];
  const faults: Partial<Record<RewriteFault, number>> = {};
  let writtenTokens = 0;
  for (const [index, part] of outline(
    trace,
    domain,
    config,
    random(seedFor(seed, 'rewrite', id, 'reflect')),
  ).entries()) {
    if (part.kind !== 'step') {
      written.push(part);
      continue;
    }
    signal.throwIfAborted();
    const asked = { problem: problem.problem, written: compose('', written, domain).text, step: part.text };
    const seedOf = (attempt: number) => seedFor(seed, 'rewrite', id, index, attempt);
    const ask = () => rewriteStep({ domain, policy }, asked, config, seedOf);
    const rewritten = await unlessPromptTooLong(ask, () => CONTEXT_FULL);
    const reasons = rewritten.faults.map(({ reason }) => reason);
    for (const reason of reasons) faults[reason] = (faults[reason] ?? 0) + 1;
    writtenTokens += rewritten.tokens;
    if (rewritten.text === null) {
      log.debug(
        { trace: id, step: part.text, faults: rewritten.faults.map(({ detail }) => detail) },
        'solution dropped: no rewriting of a step was accepted',
      );
      const { source, level } = problem;
      const dropped = { id, k, source, ...(level !== undefined && { level }), reason: reasons.at(-1) ?? 'form' };
      return { trace: id, solution: null, faults, dropped };
    }
    written.push({ ...part, text: rewritten.text });
  }
  const solution = { id, problem, prompt, k, ...compose(prompt, written, domain), writtenTokens };
  return { trace: id, solution, faults, dropped: null };
}

function countsOf(rewritings: readonly Rewriting[], solutions: readonly Solution[]): Counts {
  const byK = Map.groupBy(solutions, ({ k }) => k);
  const faults = rewritings.flatMap((rewriting) => Object.entries(rewriting.faults));
  return {
    traces: rewritings.length,
    solutions: solutions.length,
    droppedSolutions: rewritings.length - solutions.length,
    ...byReason(
      'dropped',
      rewritings.flatMap(({ dropped }) => (dropped === null ? [] : [[dropped.reason, 1] as const])),
    ),
    faultyRewrites: faults.reduce((total, [, times]) => total + times, 0),
    ...byReason('faulty', faults),
    ...Object.fromEntries([...byK].sort(([a], [b]) => a - b).map(([k, those]) => [`k${k}`, those.length])),
  };
}

/** `[['numbers', 2], ['phrase', 1]]` -> `{ faultyNumbers: 2, faultyPhrase: 1 }`, in alphabetical order. */
function byReason(what: string, times: readonly (readonly [string, number])[]): Counts {
  const counts: Counts = {};
  for (const [reason, number] of times.toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const name = `${what}${reason[0]!.toUpperCase()}${reason.slice(1)}`;
    counts[name] = (counts[name] ?? 0) + number;
  }
  return counts;
}
