import { join } from 'node:path';
import { z } from 'zod';
import type { Counts } from '../../spec/manifest.ts';
import { FILES, partFile, SelfEvaluation, Trace, Tree, type TreeNode } from '../../spec/records.ts';
import { openJournal } from '../io/journal.ts';
import { readAllJsonl, writeJsonl } from '../io/jsonl.ts';
import { connectPolicy, type Policy } from '../policy/policy.ts';
import { isMine, type StageContext, type StageProgram } from '../runtime/context.ts';
import { forEachProblem } from '../runtime/each-problem.ts';
import { random, seedFor } from '../runtime/random.ts';
import { pathTo } from '../search/tree.ts';
import { linearise as lineariseTree } from './linearise.ts';
import { selfEvaluate } from './self-evaluation.ts';
import { selfEvaluationCounts } from './self-evaluation-counts.ts';
import { reasoningOf } from './terminal-step.ts';
import { collectTerminals } from './terminals.ts';

/** Problems that are self-evaluated at the same time. *Ours*. */
const IN_FLIGHT = 64;

/** Journal entry of one problem. */
const Linearised = z.object({
  problem: z.string().min(1),
  /** One for each right terminal. */
  selfEvaluations: z.array(SelfEvaluation),
  traces: z.array(Trace),
});
type Linearised = z.infer<typeof Linearised>;

export interface Services {
  connectPolicy(context: StageContext<'linearise'>): Promise<Policy>;
}

/** Stage `linearise`: turns trees into traces, after self-evaluation. */
export const linearise: StageProgram<'linearise'> = (context) => lineariseWith(context, { connectPolicy });

export async function lineariseWith(
  context: StageContext<'linearise'>,
  services: Services,
): ReturnType<StageProgram<'linearise'>> {
  const trees = (await readAllJsonl(context.inputFiles('trees', FILES.search.trees), Tree)).filter((_, index) =>
    isMine(index, context),
  );
  const policy = await services.connectPolicy(context);
  const journal = await openJournal(context, Linearised);
  try {
    const linearised = await forEachProblem<Tree, Linearised>({
      context,
      journal,
      items: trees,
      idOf: ({ problem }) => problem.id,
      idOfEntry: ({ problem }) => problem,
      unit: 'problem',
      concurrency: IN_FLIGHT,
      work: (tree, signal) => lineariseOne(tree, context, policy, signal),
    });
    const traces = linearised.flatMap((one) => one.traces);
    const file = join('data', partFile(FILES.linearise.traces, context.part));
    // Parsed again for the order of the fields, so that entries from the journal give the same bytes as new ones.
    await writeJsonl(
      join(context.dir, file),
      traces.map((trace) => Trace.parse(trace)),
      context.fence,
    );
    const judged = linearised.flatMap((one) => one.selfEvaluations);
    const judgedFile = join('data', partFile(FILES.linearise.selfEvaluations, context.part));
    await writeJsonl(
      join(context.dir, judgedFile),
      judged.map((one) => SelfEvaluation.parse(one)),
      context.fence,
    );
    return { files: [file, judgedFile], counts: countsOf(linearised) };
  } finally {
    await journal.close();
  }
}

async function lineariseOne(
  tree: Tree,
  { stage, domain }: StageContext<'linearise'>,
  policy: Policy,
  signal: AbortSignal,
): Promise<Linearised> {
  const { problem } = tree;
  const terminals = collectTerminals(tree, (node) => reasoningOf(node, domain) !== '');
  const times = stage.config.selfEvaluations;
  const selfEvaluations: SelfEvaluation[] = [];
  const accepted: TreeNode[] = [];
  for (const terminal of terminals.correct) {
    signal.throwIfAborted();
    const seed = seedFor(stage.seed, 'linearise', problem.id, 'self-evaluation', terminal.id);
    const path = pathTo(tree, terminal.id);
    const approvals = times === 0 ? 0 : await selfEvaluate({ problem, domain, policy }, path, times, seed);
    const isAccepted = approvals === times;
    if (isAccepted) accepted.push(terminal);
    const value = path.at(-2)?.reward ?? null;
    selfEvaluations.push({ problem: problem.id, node: terminal.id, times, approvals, accepted: isAccepted, value });
  }
  // The seed does not contain the arm, so both arms choose the same solutions.
  const choices = random(seedFor(stage.seed, 'linearise', problem.id, 'choices'));
  return {
    problem: problem.id,
    selfEvaluations,
    traces: lineariseTree(tree, { ...terminals, correct: accepted }, stage.config, domain, choices),
  };
}

function countsOf(linearised: readonly Linearised[]): Counts {
  const traces = linearised.flatMap((one) => one.traces);
  const byK = Map.groupBy(traces, ({ k }) => k);
  return {
    problems: linearised.length,
    solved: linearised.filter(({ selfEvaluations }) => selfEvaluations.length > 0).length,
    accepted: linearised.filter((one) => one.traces.length > 0).length,
    ...selfEvaluationCounts(linearised.flatMap((one) => one.selfEvaluations)),
    traces: traces.length,
    ...Object.fromEntries([...byK].sort(([a], [b]) => a - b).map(([k, those]) => [`k${k}`, those.length])),
  };
}
