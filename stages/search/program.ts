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
import { type LiveSearch, liveSearch } from './live.ts';
import { search as searchTree } from './mcts.ts';
import { type MeteredOracle, oracleOf } from './oracle.ts';
import {
  type Answer,
  type Done,
  type EndedBy,
  Entry,
  type Finished,
  finishedTree,
  type Kept,
  type KeptAnswers,
  keeper,
  sumCounts,
} from './record.ts';
import { grow, ROOTED } from './tree.ts';

/** What the program talks to. */
export interface Services {
  connectPolicy(context: StageContext<'search'>): Promise<PolicyDriver>;
  startVerifier(context: StageContext<'search'>): Promise<Verifier>;
}

/**
 * Stage `search`: one tree a problem. Every answer of the policy is journalled, so that a search that was killed goes on in the middle of its
 * trees, and even of an iteration: what is lost are the requests in flight.
 */
export const search: StageProgram<'search'> = (context) => searchWith(context, { connectPolicy, startVerifier });

export async function searchWith(
  context: StageContext<'search'>,
  services: Services,
): ReturnType<StageProgram<'search'>> {
  const { config } = context.stage;
  const everything = await readAllJsonl(context.inputFiles('prompts', FILES.prepare.search), Problem);
  const problems = everything.filter((_, index) => isMine(index, context));
  const kept = keeper();
  const journal = await openJournal(context, Entry, kept.visit);
  const verifier = await services.startVerifier(context);
  try {
    const policy = await services.connectPolicy(context);
    const progress = progressOf(context, problems.length, kept, policy);
    const done = await forEachProblem<Problem, Done>({
      // Answers and iterations are what is journalled and reported here, not problems: one problem may be hours of work.
      context: { ...context, report: () => {} },
      journal: { ...journal, entries: [...kept.done.values()], append: () => {} },
      items: problems,
      idOf: ({ id }) => id,
      idOfEntry: ({ problem }) => problem,
      unit: 'problem',
      concurrency: config.problemsInFlight,
      async work(problem, signal) {
        const answers = kept.answers.get(problem.id);
        kept.answers.delete(problem.id); // held by its search alone, and gone with it
        for (const { cost } of answers?.values() ?? []) progress.live.answered(cost, false);
        const keep = (answer: Answer) => {
          signal.throwIfAborted();
          journal.append(answer);
          progress.live.answered(answer.cost, true);
        };
        const world = { problem, domain: context.domain, policy, verifier, config, seed: context.stage.seed };
        const oracle = oracleOf(world, answers, keep);
        const finished = await searchProblem(problem, config, oracle, iterationsBehind(answers), progress, signal);
        return { problem: problem.id, counts: finished.counts, place: journal.append(finished) };
      },
    });
    // A tree of a bare root, whose prompt was never sent.
    const unsent = done.filter(({ counts }) => counts.withoutRoom !== 0 && counts.nodes === 1);
    refuseUnlessSomeFit(problems.length, unsent.length);
    const file = join('data', partFile(FILES.search.trees, context.part));
    await writeJsonl(join(context.dir, file), treesAt(done), context.fence);
    await verifier.close(); // it may have gone wrong since its canaries were last looked at
    return { files: [file], counts: sumCounts(done.map(({ counts }) => counts)) };
  } finally {
    await Promise.allSettled([verifier.close(), journal.close()]);
  }
}

/** Trees from their places in the journal, one at a time. */
async function* treesAt(done: readonly Done[]): AsyncGenerator<Tree> {
  for (const { place } of done) yield ((await readPlace(place)) as Finished).tree;
}

/**
 * Searches one problem; of what is in the journal the oracle knows the answers.
 * @param before - iterations that progress counts already
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
  let [nodes, iterations, cost] = [ROOTED.nodes, 0, NO_COST as Cost];
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
  let tree = ROOTED;
  for await (const event of searchTree(config, oracle, mayBegin)) {
    tree = grow(tree, event);
    yield tree.nodes;
  }
}

/** Iterations that a problem has at most; of best-of-N, requests. */
const iterationsOf = ({ method, samples, iterations }: SearchConfig): number =>
  method === 'best-of-n' ? requestsOf(samples ?? 0) : iterations;

interface Progress {
  readonly live: LiveSearch;
  iterated(): void;
  finished(tree: Finished, iterations: number): void;
}

/** Iterations of all problems of the part. A tree that is exhausted early has all of its iterations done. */
function progressOf(context: StageContext<'search'>, problems: number, before: Kept, policy: PolicyDriver): Progress {
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

/** Iterations of a problem that lie behind its answers: all before the latest that was begun. */
const iterationsBehind = (answers: KeptAnswers = new Map()): number =>
  Math.max(0, ...[...answers.values()].map(({ iteration }) => iteration));

/** Of a finished tree, the costs that progress shows. */
const shownOf = ({ promptTokens = 0, completionTokens = 0, ...counts }: Done['counts']) => ({
  ...{ promptTokens, completionTokens, timedOut: counts.timedOut ?? 0 },
  ...{ unjudged: counts.unjudgedRollouts ?? 0, unjudgedTerminals: counts.unjudgedTerminals ?? 0 },
});
