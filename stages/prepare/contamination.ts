import type { Problem } from '../../spec/records.ts';
import type { PrepareConfig } from '../../spec/stages/prepare.ts';
import { commonWords, ngramsOf, wordsOf } from './text.ts';

export type Rule = PrepareConfig['decontamination'];

/** A problem that shares a run of words with a benchmark problem. */
export interface Suspicion {
  readonly benchmark: Problem;
  /** The first run of words that both have. */
  readonly shared: string;
  /** Share of the benchmark problem's words that the other problem has in the same order. */
  readonly overlap: number;
}

interface IndexedBenchmark {
  readonly problem: Problem;
  readonly words: readonly string[];
}

/**
 * Finds benchmark problems in other texts. A text is suspicious when it shares a run of `ngramWords` words with a
 * benchmark problem (s1, arXiv 2501.19393), or contains all of a shorter one. The suspicion is confirmed by how much of
 * the benchmark problem the text has, as in Cosmopedia's decontamination, because many problems share stock phrases
 * ("find the sum of all possible values of").
 * @returns suspicions about one text, highest overlap first; the text is contaminated when `overlap >= rule.overlap`
 */
export function benchmarkFinder(
  benchmarks: readonly Problem[],
  rule: Pick<Rule, 'ngramWords'>,
): (problem: string) => Suspicion[] {
  const indexed = benchmarks.map((problem): IndexedBenchmark => ({ problem, words: wordsOf(problem.problem) }));
  /** Length of a run -> its hash -> the benchmark problems that have it. */
  const runs = new Map<number, Map<number, IndexedBenchmark[]>>();
  for (const one of indexed) {
    const size = Math.min(rule.ngramWords, one.words.length);
    const ofSize = runs.get(size) ?? new Map<number, IndexedBenchmark[]>();
    runs.set(size, ofSize);
    for (const hash of new Set(ngramsOf(one.words, size))) ofSize.set(hash, [...(ofSize.get(hash) ?? []), one]);
  }
  return (problem) => {
    const words = wordsOf(problem);
    const suspects = new Map<IndexedBenchmark, string>();
    for (const [size, ofSize] of runs) {
      if (size === 0 || size > words.length) continue;
      ngramsOf(words, size).forEach((hash, from) => {
        for (const one of ofSize.get(hash) ?? []) {
          if (!suspects.has(one)) suspects.set(one, words.slice(from, from + size).join(' '));
        }
      });
    }
    return [...suspects]
      .map(([one, shared]) => ({
        benchmark: one.problem,
        shared,
        overlap: commonWords(one.words, words) / one.words.length,
      }))
      .toSorted((a, b) => b.overlap - a.overlap || (a.benchmark.id < b.benchmark.id ? -1 : 1));
  };
}
