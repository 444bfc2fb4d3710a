import type { EvaluatedCompletion, Solution } from '../../spec/records.ts';
import { shuffled } from '../../stages/runtime/random.ts';
import { several } from '../format.ts';
import type { SolutionGraph } from '../report-schema.ts';
import type { CompletionDomain } from './segments.ts';
import { segmentsOf } from './segments.ts';
import { graphOf } from './solution-graph.ts';

/** Most steps of a solution to draw. Nobody reads a larger drawing. *Ours*. */
const MOST_STEPS = 24;

/** A solution that may be drawn. Its graph is not made yet. */
type Candidate = Omit<SolutionGraph, 'nodes' | 'edges'>;

/** Rewritten solutions that backtrack. */
export function fromSolutions(stage: string, solutions: readonly Solution[]): Candidate[] {
  return solutions
    .filter(({ k, spans }) => k > 0 && isReadable(spans))
    .map(({ k, problem, text, spans }) => ({
      title: `Training solution with ${several(k, 'wrong branch').replace(/branchs$/, 'branches')}`,
      source: stage,
      problem: problem.problem,
      text,
      verdict: 'right',
      spans,
    }));
}

/** Completions of a policy on the benchmarks that backtrack. The phrases of the domain mark their parts. */
export function fromCompletions(
  stage: string,
  completions: readonly EvaluatedCompletion[],
  domain: CompletionDomain,
): Candidate[] {
  return completions
    .filter(({ backtracks }) => backtracks > 0)
    .map(
      ({ problem, text, verdict, backtracks, mode }): Candidate => ({
        title: `${mode === 'greedy' ? 'Greedy' : 'Sampled'} completion after RL with ${several(backtracks, 'backtrack')}`,
        source: stage,
        problem,
        text,
        verdict,
        spans: segmentsOf(text, domain),
      }),
    )
    .filter(({ spans }) => isReadable(spans));
}

/**
 * Draws `wanted` candidates by lot, taking turns between the sources, so that nobody picks the best-looking ones.
 * @param sources - one list for each source; the first source gets the first turn
 */
export function chooseGraphs(
  sources: readonly (readonly Candidate[])[],
  wanted: number,
  next: () => number,
): SolutionGraph[] {
  const queues = sources.map((source) => shuffled(source, next));
  const chosen: SolutionGraph[] = [];
  for (let turn = 0; chosen.length < wanted && queues.some((queue) => queue.length > 0); turn++) {
    const candidate = queues[turn % queues.length]?.shift();
    if (candidate === undefined) continue;
    chosen.push({ ...candidate, ...graphOf(candidate.problem, candidate.text, candidate.spans) });
  }
  return chosen;
}

const isReadable = (spans: Candidate['spans']): boolean => {
  const steps = spans.filter(({ kind }) => kind === 'step').length;
  return steps > 0 && steps <= MOST_STEPS;
};
