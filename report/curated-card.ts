import { max, mean, min, quantile } from 'simple-statistics';
import type { CuratedCard, DroppedTrace, Lengths } from '../spec/curated-card.ts';
import type { Solution } from '../spec/records.ts';
import { seedFor } from '../stages/runtime/random.ts';

/** Samples for each k, number of k with samples, and length of a sample. *Ours*: enough to read, and small. */
const SAMPLES_OF_A_K = 2;
const KS_WITH_SAMPLES = 4;
const LONGEST_SAMPLE = 4000;

/** Level of a problem without one, as in the data card. */
const NO_LEVEL = 'none';

/** What solutions are counted by. */
interface Kind {
  readonly k: number;
  readonly source: string;
  readonly level?: string | undefined;
}

/**
 * The card of a curated set. Pure: the same records give the same card, whatever their order and shards.
 * @param stage - name of the rewrite stage
 */
export function curatedCard(
  stage: string,
  seed: number,
  solutions: readonly Solution[],
  dropped: readonly DroppedTrace[],
): CuratedCard {
  const kinds = solutions.map(({ k, problem: { source, level } }): Kind => ({ k, source, level }));
  const groupsBy = (nameOf: (kind: Kind) => string) => groups(kinds.map(nameOf), dropped.map(nameOf));
  const byLevel = groupsBy(({ level }) => level ?? NO_LEVEL);
  const tokens = solutions.flatMap(({ writtenTokens }) => writtenTokens ?? []);
  const reasons = Map.groupBy(dropped, ({ reason }) => reason);
  return {
    schemaVersion: 1,
    stage,
    seed,
    solutions: solutions.length,
    dropped: dropped.length,
    byK: groupsBy(({ k }) => String(k)),
    bySource: groupsBy(({ source }) => source),
    byLevel: Object.keys(byLevel).every((level) => level === NO_LEVEL) ? {} : byLevel,
    characters: lengths(solutions.map(({ text }) => text.length)),
    writtenTokens: tokens.length === solutions.length ? lengths(tokens) : null,
    droppedByReason: Object.fromEntries(sorted([...reasons]).map(([reason, those]) => [reason, those.length])),
    samples: samplesOf(solutions, seed),
  };
}

function groups(solutions: readonly string[], dropped: readonly string[]): CuratedCard['byK'] {
  const counts = new Map<string, { solutions: number; dropped: number }>();
  const groupOf = (name: string) => {
    const group = counts.get(name) ?? { solutions: 0, dropped: 0 };
    counts.set(name, group);
    return group;
  };
  for (const name of solutions) groupOf(name).solutions += 1;
  for (const name of dropped) groupOf(name).dropped += 1;
  return Object.fromEntries(sorted([...counts]));
}

const sorted = <T>(entries: readonly (readonly [string, T])[]) => entries.toSorted(([a], [b]) => (a < b ? -1 : 1));

function lengths(values: readonly number[]): Lengths | null {
  if (values.length === 0) return null;
  const [median, p90, p99] = quantile([...values], [0.5, 0.9, 0.99]) as [number, number, number];
  // Summed in ascending order, because the shards may come in any order.
  const average = mean(values.toSorted((a, b) => a - b));
  return { min: min([...values]), median, mean: average, p90, p99, max: max([...values]) };
}

function samplesOf(solutions: readonly Solution[], seed: number): CuratedCard['samples'] {
  const byK = [...Map.groupBy(solutions, ({ k }) => k)].toSorted(([a], [b]) => a - b).slice(0, KS_WITH_SAMPLES);
  return byK.flatMap(([k, those]) =>
    those
      .map((solution) => ({ solution, draw: seedFor(seed, 'rewrite', 'card', solution.id) }))
      .toSorted((a, b) => a.draw - b.draw || (a.solution.id < b.solution.id ? -1 : 1))
      .slice(0, SAMPLES_OF_A_K)
      .map(({ solution: { id, problem, text } }) => ({
        id,
        k,
        source: problem.source,
        level: problem.level ?? null,
        problem: problem.problem.slice(0, LONGEST_SAMPLE),
        text: text.trim().slice(0, LONGEST_SAMPLE),
        isCut: Math.max(problem.problem.length, text.trim().length) > LONGEST_SAMPLE,
      })),
  );
}
