import type { FaultRecord } from './checker/evidence.ts';
import type { Done, Fault, Resource, Tools } from './fault.ts';
import type { Random } from './random.ts';

export interface Injection {
  readonly tools: Tools;
  readonly faults: readonly Fault[];
  /** How many faults to cause. */
  readonly count: number;
  /** Aborts when no more faults may be drawn. The round continues. */
  readonly enough: AbortSignal;
  /** Mean time between two faults in seconds. */
  readonly gapSeconds: number;
  /**
   * Kind -> how often it was caused in all rounds so far. Rare kinds are more likely to be drawn. Updated by the
   * injector.
   */
  readonly caused: Map<string, number>;
  /** Called for every fault when it has ended. */
  readonly record: (fault: FaultRecord) => void;
}

/** After this many faults in a row without a target, the injector waits for the next gap. */
const MISSES = 20;
const LONGEST_GAP = 3;

/**
 * Draws faults by seed and causes them until there were enough or the round is over. It acts only through the target
 * and so works with any executor.
 * @returns the number of caused faults, after all of them have ended
 */
export async function injectFaults({
  tools,
  faults,
  count,
  enough,
  gapSeconds,
  caused,
  record,
}: Injection): Promise<number> {
  const { random, over, target } = tools;
  const possible = faults.filter(({ kind }) => !(kind in target.cannot));
  const busy = new Set<Resource>();
  const lasting = new Set<Promise<number>>();
  let id = 0;
  let done = 0;

  /** @returns the number of faults caused; 0 without a target */
  async function cause(fault: Fault): Promise<number> {
    const at = new Date().toISOString();
    for (const resource of fault.needs) busy.add(resource);
    try {
      const results = (await fault.act(tools)) ?? [];
      for (const one of results) record(recordOf(fault, at, ++id, one));
      done += results.length;
      if (results.length > 0) caused.set(fault.kind, (caused.get(fault.kind) ?? 0) + 1);
      return results.length;
    } finally {
      for (const resource of fault.needs) busy.delete(resource);
    }
  }

  /** @returns whether a fault was started */
  async function next(): Promise<boolean> {
    const free = possible.filter(({ needs }) => !needs.some((resource) => busy.has(resource)));
    const rarer = free.map((one) => ({ ...one, weight: one.weight / (1 + (caused.get(one.kind) ?? 0)) }));
    const fault = random.weighted(rarer);
    if (!fault.lasts) return (await cause(fault)) > 0;
    const ends: Promise<number> = cause(fault).finally(() => lasting.delete(ends));
    ends.catch(() => undefined); // The await below reports the error.
    lasting.add(ends);
    return true;
  }

  while (done < count && !over.aborted && !enough.aborted) {
    // A lasting fault counts when it has ended.
    if (done + lasting.size >= count) {
      await Promise.race(lasting);
      continue;
    }
    await tools.sleep(gap(random, gapSeconds) * 1000);
    for (let misses = 0; misses < MISSES && !over.aborted; misses += 1) if (await next()) break;
  }
  await Promise.all(lasting);
  return done;
}

/**
 * Exponential times: many faults follow each other closely, so some strike while the system recovers from the one
 * before.
 */
const gap = (random: Random, mean: number): number => Math.min(LONGEST_GAP * mean, -Math.log(1 - random.next()) * mean);

function recordOf(fault: Fault, at: string, id: number, done: Done): FaultRecord {
  return {
    id,
    kind: fault.kind,
    at,
    endedAt: new Date().toISOString(),
    hits: [],
    explains: [],
    strikesAll: false,
    graceful: false,
    checkpointsDamaged: 0,
    swapped: null,
    wrong: null,
    ...done,
  };
}
