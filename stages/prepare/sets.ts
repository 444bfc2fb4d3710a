import type { Contamination, DataStep, Duplicate, SetAside } from '../../spec/data-card.ts';
import type { Problem } from '../../spec/records.ts';
import type { PrepareConfig } from '../../spec/stages/prepare.ts';
import { benchmarkFinder } from './contamination.ts';
import { stepOf } from './counts.ts';
import { nearDuplicates } from './near-duplicates.ts';
import { hashOf, ngramsOf, normalised, numbersOf, wordsOf } from './text.ts';

/**
 * The three sets of a campaign. A problem may be both a search problem and a curriculum prompt; a benchmark problem is
 * neither.
 */
export interface ProblemSets {
  readonly search: readonly Problem[];
  readonly curriculum: readonly Problem[];
  readonly benchmarks: readonly Problem[];
}

export type SetName = keyof ProblemSets;
export const SET_NAMES = ['search', 'curriculum', 'benchmarks'] as const satisfies readonly SetName[];

/** A problem with the canonical form of its answer. */
export interface Answered extends Problem {
  readonly file: string;
  readonly at: string;
  readonly canonical: string;
}

/** What is left of a set, and what was removed from it. */
export interface Cleaned<P extends Problem = Problem> {
  readonly problems: readonly P[];
  readonly steps: readonly DataStep[];
  readonly setAside: readonly SetAside[];
  readonly duplicates: readonly Duplicate[];
  readonly contamination: readonly Contamination[];
}

/**
 * Keeps the first of several problems with equal texts. When their answers differ, one of them is wrong and nobody
 * knows which, so all of them are set aside. Pure.
 */
export function withoutEquals<P extends Answered>(
  set: SetName,
  problems: readonly P[],
): { left: P[]; duplicates: Duplicate[]; setAside: SetAside[] } {
  const byText = Map.groupBy(problems, ({ source, problem }) =>
    // Each benchmark has its own scores, so a problem may be in two of them.
    set === 'benchmarks' ? `${source} ${normalised(problem)}` : normalised(problem),
  );
  const left: P[] = [];
  const duplicates: Duplicate[] = [];
  const setAside: SetAside[] = [];
  for (const equals of byText.values()) {
    const [first, ...others] = equals as [P, ...P[]];
    const answers = new Set(equals.map(({ canonical }) => canonical));
    if (answers.size === 1) {
      left.push(first);
      duplicates.push(...others.map((one) => duplicateOf(set, one, first, 1)));
      continue;
    }
    const detail = `${equals.length} records of this text answer ${[...answers].map((answer) => JSON.stringify(answer)).join(' and ')}`;
    for (const { file, at, problem } of equals)
      setAside.push({ set, file, at, reason: 'answers-disagree', detail, problem });
  }
  return { left, duplicates, setAside };
}

/** Keeps the first of several problems with nearly equal texts, equal numbers and equal answers. Pure. */
export function withoutNearEquals<P extends Answered>(
  set: SetName,
  problems: readonly P[],
  { ngramWords, similarity: threshold }: PrepareConfig['nearDuplicates'],
): { left: P[]; duplicates: Duplicate[] } {
  const shingled = problems.map(({ problem, canonical }) => {
    const words = wordsOf(problem);
    return {
      shingles: new Uint32Array(new Set(ngramsOf(words, ngramWords))),
      block: hashOf(`${numbersOf(words)}|${canonical}`),
    };
  });
  const found = nearDuplicates(shingled, threshold);
  const removed = new Set(found.map(({ index }) => index));
  return {
    left: problems.filter((_, index) => !removed.has(index)),
    duplicates: found.map(({ index, of, similarity }) => duplicateOf(set, problems[index]!, problems[of]!, similarity)),
  };
}

const duplicateOf = (set: SetName, one: Problem, stays: Problem, similarity: number): Duplicate => ({
  set,
  id: one.id,
  problem: one.problem,
  of: stays.id,
  ofProblem: stays.problem,
  similarity,
});

/** Removes problems that are in a benchmark. Also returns every suspicion, confirmed or not. Pure. */
export function withoutBenchmarks<P extends Problem>(
  set: SetName,
  problems: readonly P[],
  benchmarks: readonly Problem[],
  rule: PrepareConfig['decontamination'],
): { left: P[]; contamination: Contamination[] } {
  const find = benchmarkFinder(benchmarks, rule);
  const byText = Map.groupBy(benchmarks, ({ problem }) => normalised(problem));
  const contamination: Contamination[] = [];
  const left = problems.filter(({ id, problem }) => {
    const equal = byText.get(normalised(problem)) ?? [];
    const hits = [
      ...equal.map((benchmark) => ({ benchmark, shared: normalised(problem), overlap: 1 })),
      ...find(problem).filter(({ benchmark }) => !equal.includes(benchmark)),
    ];
    for (const { benchmark, shared, overlap } of hits) {
      contamination.push({
        set,
        id,
        problem,
        benchmark: benchmark.source,
        benchmarkId: benchmark.id,
        benchmarkProblem: benchmark.problem,
        shared,
        overlap,
        removed: overlap >= rule.overlap,
      });
    }
    return !hits.some(({ overlap }) => overlap >= rule.overlap);
  });
  return { left, contamination };
}

/**
 * Applies {@link withoutEquals}, {@link withoutNearEquals} and {@link withoutBenchmarks} in turn; only the first to
 * benchmarks. Pure.
 */
export function cleaned<P extends Answered>(
  set: SetName,
  problems: readonly P[],
  benchmarks: readonly Problem[],
  rules: Pick<PrepareConfig, 'nearDuplicates' | 'decontamination'>,
): Cleaned<P> {
  const unequal = withoutEquals(set, problems);
  const steps = [stepOf('unequal', unequal.left)];
  const { setAside } = unequal;
  if (set === 'benchmarks') {
    return { problems: unequal.left, steps, setAside, duplicates: unequal.duplicates, contamination: [] };
  }
  const unlike = withoutNearEquals(set, unequal.left, rules.nearDuplicates);
  const clean = withoutBenchmarks(set, unlike.left, benchmarks, rules.decontamination);
  return {
    problems: clean.left,
    steps: [...steps, stepOf('unlike', unlike.left), stepOf('decontaminated', clean.left)],
    setAside,
    duplicates: [...unequal.duplicates, ...unlike.duplicates],
    contamination: clean.contamination,
  };
}

/**
 * An id that several problems of a set have; null when all ids differ. Journals and reports identify problems by id.
 */
export function sharedId(problems: readonly Problem[]): string | null {
  const seen = new Set<string>();
  return problems.find(({ id }) => seen.size === seen.add(id).size)?.id ?? null;
}
