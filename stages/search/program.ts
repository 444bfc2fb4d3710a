import { join } from 'node:path';
import { FILES, Problem, partFile, type Tree, type TreeNode } from '../../spec/records.ts';
import type { SearchConfig } from '../../spec/stages/search.ts';
import { openJournal, readPlace } from '../io/journal.ts';
import { readAllJsonl, writeJsonl } from '../io/jsonl.ts';
import { refuseUnlessSomeFit } from '../policy/context-window.ts';
import { connectPolicy, type PolicyDriver } from '../policy/policy.ts';
import { isMine, type StageContext, type StageProgram } from '../runtime/context.ts';
import { forEachProblem } from '../runtime/each-problem.ts';
import { startVerifier, type Verifier } from '../verifier/verifier.ts';
import { requestsOf, sampleBestOfN, treeOfSolutions } from './best-of-n.ts';
import { addCosts, type Cost, NO_COST } from './cost.ts';
import {
  type Answer,
  type EndedBy,
  Entry,
  type Finished,
  type FinishedSearch,
  finishedTree,
  foldJournal,
  type JournalledAnswers,
  type JournalState,
  sumCounts,
} from './journal-entries.ts';
import { type LiveSearch, liveSearch } from './live-metrics.ts';
import { search as searchTree } from './mcts.ts';
import { type MeteredOracle, oracleOf } from './oracle.ts';
import { grow, INITIAL_TREE } from './tree.ts';

/** What the program connects to. */
export interface Services {
  connectPolicy(context: StageContext<'search'>): Promise<PolicyDriver>;
  startVerifier(context: StageContext<'search'>): Promise<Verifier>;
}

/**
 * Stage `search`: one tree for each problem. Every answer of the policy is journalled, so a killed search resumes in
 * the middle of its trees, and even in the middle of an iteration. Only the requests in flight are lost.
 */
export const search: StageProgram<'search'> = (context) => searchWith(context, { connectPolicy, startVerifier });

export async function searchWith(
  context: StageContext<'search'>,
  services: Services,
): ReturnType<StageProgram<'search'>> {
  const { config } = context.stage;
  const everything = await readAllJsonl(context.inputFiles('prompts', FILES.prepare.search), Problem);
  const problems = everything.filter((_, index) => isMine(index, context));
  const kept = foldJournal();
  const journal = await openJournal(context, Entry, kept.visit);
  const verifier = await services.startVerifier(context);
  try {
    const policy = await services.connectPolicy(context);
    const progress = progressOf(context, problems.length, kept, policy);
    const done = await forEachProblem<Problem, FinishedSearch>({
      // Progress counts iterations and the journal has answers, not problems, because one problem may take hours.
      context: { ...context, report: () => {} },
      journal: { ...journal, entries: [...kept.done.values()], append: () => {} },
      items: problems,
      idOf: ({ id }) => id,
      idOfEntry: ({ problem }) => problem,
      unit: 'problem',
      concurrency: config.problemsInFlight,
      async work(problem, signal) {
        const answers = kept.answers.get(problem.id);
        kept.answers.delete(problem.id); // from here on only its search holds them, so they are freed with it
        for (const { cost } of answers?.values() ?? []) progress.live.answered(cost, false);
        const keep = (answer: Answer) => {
          signal.throwIfAborted();
          journal.append(answer);
          progress.live.answered(answer.cost, true);
        };
        const oracleContext = { problem, domain: context.domain, policy, verifier, config, seed: context.stage.seed };
        const oracle = oracleOf(oracleContext, answers, keep);
        const finished = await searchProblem(problem, config, oracle, iterationsBehind(answers), progress, signal);
        return { problem: problem.id, counts: finished.counts, place: journal.append(finished) };
      },
    });
    // A tree with only a root: its prompt was never sent.
    const unsent = done.filter(({ counts }) => counts.withoutRoom !== 0 && counts.nodes === 1);
    refuseUnlessSomeFit(problems.length, unsent.length);
    const file = join('data', partFile(FILES.search.trees, context.part));
    await writeJsonl(join(context.dir, file), treesAt(done), context.fence);
    await verifier.close(); // judges the canaries again: the verifier may have gone wrong since the last check
    return { files: [file], counts: sumCounts(done.map(({ counts }) => counts)) };
  } finally {
    await Promise.allSettled([verifier.close(), journal.close()]);
  }
}

/** Reads the trees from their places in the journal, one at a time. */
async function* treesAt(done: readonly FinishedSearch[]): AsyncGenerator<Tree> {
  for (const { place } of done) yield ((await readPlace(place)) as Finished).tree;
}

/**
 * Searches one problem. The oracle knows the answers of the journal.
 * @param before - iterations that progress has counted already
 */
async function searchProblem(
  problem: Problem,
  config: SearchConfig,
  oracle: MeteredOracle,
  before: number,
  progress: Progress,
  signal: AbortSignal,
): Promise<Finished> {
  const { tokensPerProblem = Number.POSITIVE_INFINITY, secondsPerProblem = Number.POSITIVE_INFINITY } = config;
  const deadline = performance.now() + secondsPerProblem * 1000;
  let [nodes, iterations, cost] = [INITIAL_TREE.nodes, 0, NO_COST as Cost];
  let endedBy: EndedBy | null = null;
  function mayBegin(): boolean {
    if (cost.completionTokens >= tokensPerProblem) endedBy = 'tokens';
    else if (performance.now() >= deadline) endedBy = 'deadline';
    return endedBy === null;
  }
  for await (const grown of treesOf(config, oracle, mayBegin)) {
    signal.throwIfAborted();
    nodes = grown;
    cost = addCosts(cost, oracle.costOf(iterations));
    iterations += 1;
    if (iterations > before) progress.iterated();
  }
  const finished = finishedTree(problem, { nodes }, iterations, cost, endedBy);
  progress.finished(finished, Math.max(iterations, before));
  return finished;
}

/** The nodes after each iteration, by the method of the stage. */
async function* treesOf(
  config: SearchConfig,
  oracle: MeteredOracle,
  mayBegin: () => boolean,
): AsyncGenerator<readonly TreeNode[], void> {
  if (config.method === 'best-of-n') {
    for await (const solutions of sampleBestOfN(config.samples ?? 0, oracle, mayBegin)) {
      yield treeOfSolutions(solutions);
    }
    return;
  }
  let tree = INITIAL_TREE;
  for await (const event of searchTree(config, oracle, mayBegin)) {
    tree = grow(tree, event);
    yield tree.nodes;
  }
}

/** Most iterations of a problem; for best-of-N, requests. */
const iterationsOf = ({ method, samples, iterations }: SearchConfig): number =>
  method === 'best-of-n' ? requestsOf(samples ?? 0) : iterations;

interface Progress {
  readonly live: LiveSearch;
  iterated(): void;
  finished(tree: Finished, iterations: number): void;
}

/** Counts the iterations of all problems of the part. A tree that is exhausted early counts with all its iterations. */
function progressOf(
  context: StageContext<'search'>,
  problems: number,
  before: JournalState,
  policy: PolicyDriver,
): Progress {
  const iterations = iterationsOf(context.stage.config);
  const { gpus, pricePerGpuHour } = context.stage.config.run.resources;
  const live = liveSearch({ gpus, pricePerGpuHour, driver: () => policy.state?.() ?? {} });
  for (const { counts } of before.done.values()) {
    live.answered({ ...NO_COST, ...shownOf(counts) }, false);
    live.finished((counts.solved ?? 0) > 0);
  }
  let done = before.done.size * iterations;
  for (const answers of before.answers.values()) done += iterationsBehind(answers);
  const report = () =>
    context.report({ unit: 'iteration', done, total: problems * iterations, metrics: live.metrics() });
  report();
  return {
    live,
    iterated() {
      done += 1;
      report();
    },
    finished({ counts }, of) {
      done += iterations - of;
      live.finished((counts.solved ?? 0) > 0);
      report();
    },
  };
}

/** Iterations of a problem that its answers complete: all before the latest one. */
const iterationsBehind = (answers: JournalledAnswers = new Map()): number =>
  Math.max(0, ...[...answers.values()].map(({ iteration }) => iteration));

/** The costs of a finished tree that progress shows. */
const shownOf = ({ promptTokens = 0, completionTokens = 0, ...counts }: FinishedSearch['counts']) => ({
  promptTokens,
  completionTokens,
  timedOut: counts.timedOut ?? 0,
  unjudged: counts.unjudgedRollouts ?? 0,
  unjudgedTerminals: counts.unjudgedTerminals ?? 0,
});
