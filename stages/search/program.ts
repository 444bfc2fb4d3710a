import { join } from 'node:path';
import { FILES, Problem, partFile } from '../../spec/index.ts';
import { isMine, type StageContext, type StageProgram } from '../context.ts';
import { forEachProblem } from '../each-problem.ts';
import { type Journal, openJournal } from '../journal.ts';
import { readAllJsonl, writeJsonl } from '../jsonl.ts';
import { connectPolicy, type Policy } from '../policy.ts';
import { startVerifier, type Verifier } from '../verifier.ts';
import { search as searchTree } from './mcts.ts';
import { type MeteredOracle, oracleOf } from './oracle.ts';
import { countsOf, Iteration, iterationsByProblem, treeOf } from './record.ts';
import { grow, isSolved, ROOTED } from './tree.ts';

/** What the program talks to. */
export interface Services {
  connectPolicy(context: StageContext<'search'>): Promise<Policy>;
  startVerifier(context: StageContext<'search'>): Promise<Verifier>;
}

/** Stage `search`: one tree a problem. Every iteration is journalled, so a search that was killed goes on in the middle of its trees. */
export const search: StageProgram<'search'> = (context) => searchWith(context, { connectPolicy, startVerifier });

export async function searchWith(
  context: StageContext<'search'>,
  services: Services,
): ReturnType<StageProgram<'search'>> {
  const { config, seed } = context.stage;
  const everything = await readAllJsonl(context.inputFiles('prompts', FILES.prepare.search), Problem);
  const problems = everything.filter((_, index) => isMine(index, context));
  const journal = await openJournal(context, Iteration);
  const verifier = await services.startVerifier(context);
  try {
    const idle = await onePolicyPerSlot(context, services, Math.min(config.problemsInFlight, problems.length));
    const logs = iterationsByProblem(journal.entries);
    const progress = progressOf(context, problems.length, logs);
    const finished = await forEachProblem<Problem, { problem: Problem; log: Iteration[] }>({
      // Iterations are what is journalled and reported here, not problems: one problem may be hours of work.
      context: { ...context, report: () => {} },
      journal: { ...journal, entries: [], append: () => {} },
      items: problems,
      idOf: ({ id }) => id,
      idOfEntry: ({ problem }) => problem.id,
      unit: 'problem',
      concurrency: config.problemsInFlight,
      async work(problem, signal) {
        const policy = idle.pop()!;
        try {
          const oracle = oracleOf({ problem, domain: context.domain, policy, verifier, config, seed });
          const kept = logs.get(problem.id) ?? [];
          const log = await searchProblem(problem, kept, config, oracle, journal, progress, signal);
          return { problem, log };
        } finally {
          idle.push(policy);
        }
      },
    });
    const trees = finished.map(({ problem, log }) => treeOf(problem, log));
    const file = join('data', partFile(FILES.search.trees, context.part));
    await writeJsonl(join(context.dir, file), trees, context.fence);
    const counts = countsOf(
      trees,
      finished.map(({ log }) => log),
    );
    return { files: [file], counts };
  } finally {
    await Promise.allSettled([verifier.close(), journal.close()]);
  }
}

/** Searches one problem from where its journal ends. Returns all of its iterations. */
async function searchProblem(
  { id }: Problem,
  kept: readonly Iteration[],
  config: StageContext<'search'>['stage']['config'],
  oracle: MeteredOracle,
  journal: Pick<Journal<Iteration>, 'append'>,
  progress: Progress,
  signal: AbortSignal,
): Promise<Iteration[]> {
  const log = [...kept];
  let tree = log.reduce((grown, { event }) => grow(grown, event), ROOTED);
  for await (const event of searchTree(tree, log.length, config, oracle)) {
    signal.throwIfAborted();
    const iteration: Iteration = { problem: id, iteration: log.length, event, cost: oracle.takeCost() };
    journal.append(iteration);
    log.push(iteration);
    tree = grow(tree, event);
    progress.iterated(iteration);
  }
  progress.finished(log.length, isSolved(tree));
  return log;
}

/**
 * One connection for each problem in flight: `Policy.usage` tells the tokens of a connection, and a tree is to tell those of its problem.
 */
async function onePolicyPerSlot(context: StageContext<'search'>, services: Services, slots: number): Promise<Policy[]> {
  const quiet = { ...context, log: context.log.child({}, { level: 'warn' }) };
  return Promise.all(Array.from({ length: slots }, () => services.connectPolicy(quiet)));
}

interface Progress {
  iterated(iteration: Iteration): void;
  finished(iterations: number, solved: boolean): void;
}

/** Iterations of all problems of the part. A tree that is exhausted early has all of its iterations done. */
function progressOf(
  context: StageContext<'search'>,
  problems: number,
  logs: ReadonlyMap<string, readonly Iteration[]>,
): Progress {
  const { iterations } = context.stage.config;
  const total = problems * iterations;
  const startedAt = performance.now();
  let done = [...logs.values()].reduce((sum, log) => sum + log.length, 0);
  let [tokens, finished, solved] = [0, 0, 0];
  const report = () => {
    const tokensPerSecond = (tokens * 1000) / Math.max(1, performance.now() - startedAt);
    const metrics = { tokensPerSecond, ...(finished > 0 && { solved: solved / finished }) };
    context.report({ unit: 'iteration', done, total, metrics });
  };
  report();
  return {
    iterated({ cost }) {
      done += 1;
      tokens += cost.completionTokens;
      report();
    },
    finished(of, isSolved) {
      done += iterations - of;
      finished += 1;
      solved += isSolved ? 1 : 0;
      report();
    },
  };
}
