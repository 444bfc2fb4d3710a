import type { Counts, Problem } from '../../spec/index.ts';
import { normalised } from './text.ts';

/** The three sets of a campaign. A problem may be searched and be a curriculum prompt; a benchmark problem is neither. */
export interface ProblemSets {
  readonly search: readonly Problem[];
  readonly curriculum: readonly Problem[];
  readonly benchmarks: readonly Problem[];
}

/**
 * Removes duplicates within each set, and every benchmark problem from the other sets, by normalised text. Pure.
 *
 * A benchmark problem that stands in two benchmarks stays in both: their scores are told apart. Counts say what was removed and why.
 */
export function cleaned(sets: ProblemSets): { sets: ProblemSets; counts: Counts } {
  const benchmarks = withoutDuplicates(sets.benchmarks, ({ source, problem }) => `${source} ${normalised(problem)}`);
  const held = new Set(benchmarks.map(({ problem }) => normalised(problem)));
  const search = withoutDuplicates(sets.search, textOf);
  const curriculum = withoutDuplicates(sets.curriculum, textOf);
  const trainable = (problems: readonly Problem[]) => problems.filter((problem) => !held.has(textOf(problem)));
  const clean = { search: trainable(search), curriculum: trainable(curriculum), benchmarks };
  const searched = new Set(clean.search.map(textOf));
  return {
    sets: clean,
    counts: {
      search: clean.search.length,
      searchDuplicates: sets.search.length - search.length,
      searchInBenchmarks: search.length - clean.search.length,
      curriculum: clean.curriculum.length,
      curriculumDuplicates: sets.curriculum.length - curriculum.length,
      curriculumInBenchmarks: curriculum.length - clean.curriculum.length,
      curriculumAlsoSearched: clean.curriculum.filter((problem) => searched.has(textOf(problem))).length,
      benchmarks: benchmarks.length,
      benchmarkDuplicates: sets.benchmarks.length - benchmarks.length,
    },
  };
}

const textOf = ({ problem }: Problem): string => normalised(problem);

/** The first of every group of equals, in order. */
function withoutDuplicates(problems: readonly Problem[], keyOf: (problem: Problem) => string): Problem[] {
  const seen = new Set<string>();
  return problems.filter((problem) => {
    const key = keyOf(problem);
    return seen.size !== seen.add(key).size;
  });
}

/** An id that more than one problem of a set has; null where all differ. Journals and reports tell problems apart by id. */
export function sharedId(problems: readonly Problem[]): string | null {
  const seen = new Set<string>();
  return problems.find(({ id }) => seen.size === seen.add(id).size)?.id ?? null;
}
