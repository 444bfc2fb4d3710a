import type { DataStep } from '../../spec/data-card.ts';
import type { Problem } from '../../spec/records.ts';

/** What problems are counted by. */
export interface Counted {
  readonly source: string;
  readonly level?: string | null | undefined;
}

/** Level of a problem without one. */
const NO_LEVEL = 'none';

/** Counts by source and level. */
export interface Counter {
  readonly count: number;
  add(one: Counted): void;
  addAll(other: Counter): void;
  step(step: DataStep['step']): DataStep;
  readonly parts: { readonly bySource: ReadonlyMap<string, number>; readonly byLevel: ReadonlyMap<string, number> };
}

export function counterOf(items: Iterable<Counted> = []): Counter {
  const bySource = new Map<string, number>();
  const byLevel = new Map<string, number>();
  let count = 0;
  const raise = (map: Map<string, number>, key: string, by: number) => map.set(key, (map.get(key) ?? 0) + by);
  const counter: Counter = {
    get count() {
      return count;
    },
    parts: { bySource, byLevel },
    add({ source, level }) {
      count += 1;
      raise(bySource, source, 1);
      raise(byLevel, level ?? NO_LEVEL, 1);
    },
    addAll(other) {
      count += other.count;
      for (const [key, by] of other.parts.bySource) raise(bySource, key, by);
      for (const [key, by] of other.parts.byLevel) raise(byLevel, key, by);
    },
    step: (step) => ({
      step,
      count,
      bySource: sorted(bySource),
      // A set without levels needs no table of levels.
      byLevel: byLevel.size === 1 && byLevel.has(NO_LEVEL) ? {} : sorted(byLevel),
    }),
  };
  for (const item of items) counter.add(item);
  return counter;
}

/** Counts what is left after a step. */
export const stepOf = (step: DataStep['step'], left: readonly Problem[]): DataStep => counterOf(left).step(step);

const sorted = (map: ReadonlyMap<string, number>): Record<string, number> =>
  Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
