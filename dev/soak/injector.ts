import type { FaultRecord } from './checker/evidence.ts';
import type { Done, Fault, Resource, Tools } from './fault.ts';
import type { Random } from './random.ts';

export interface Injection {
  readonly tools: Tools;
  readonly faults: readonly Fault[];
  /** How many faults to cause. */
  readonly count: number;
  /** Aborts when no more are to be drawn, though the round goes on. */
  readonly enough: AbortSignal;
  /** Mean of the time between two, in s. */
  readonly gapSeconds: number;
  /** How often each kind has been caused so far, over all rounds: the rarer one is drawn the sooner. Kept up to date. */
  readonly caused: Map<string, number>;
  /** Is told of every fault when it has ended. */
  readonly record: (fault: FaultRecord) => void;
}

/** Faults in a row that found nothing to act on, before the next gap is waited for. */
const MISSES = 20;
const LONGEST_GAP = 3;

/**
 * Causes faults drawn by seed until enough were caused, or the round is over. Knows no executor: what can be done, the target does.
 * @returns how many were caused, once all that lasted have ended
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

  /** @returns how many faults it came to; 0 where there was nothing to act on */
  async function cause(fault: Fault): Promise<number> {
    const at = new Date().toISOString();
    for (const resource of fault.needs) busy.add(resource);
    try {
      const told = (await fault.act(tools)) ?? [];
      for (const one of told) record(recordOf(fault, at, ++id, one));
      done += told.length;
      if (told.length > 0) caused.set(fault.kind, (caused.get(fault.kind) ?? 0) + 1);
      return told.length;
    } finally {
      for (const resource of fault.needs) busy.delete(resource);
    }
  }

  /** @returns whether one was begun */
  async function next(): Promise<boolean> {
    const free = possible.filter(({ needs }) => !needs.some((resource) => busy.has(resource)));
    const rarer = free.map((one) => ({ ...one, weight: one.weight / (1 + (caused.get(one.kind) ?? 0)) }));
    const fault = random.weighted(rarer);
    if (!fault.lasts) return (await cause(fault)) > 0;
    const ends: Promise<number> = cause(fault).finally(() => lasting.delete(ends));
    ends.catch(() => undefined); // told where they are waited for
    lasting.add(ends);
    return true;
  }

  while (done < count && !over.aborted && !enough.aborted) {
    // What lasts counts when it has ended.
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

/** Exponential: most faults come soon after each other, some in the aftermath of the one before. */
const gap = (random: Random, mean: number): number => Math.min(LONGEST_GAP * mean, -Math.log(1 - random.next()) * mean);

function recordOf(fault: Fault, at: string, id: number, done: Done): FaultRecord {
  return {
    ...{ id, kind: fault.kind, at, endedAt: new Date().toISOString(), hits: [], explains: [], strikesAll: false },
    ...{ graceful: false, checkpointsDamaged: 0, swapped: null, wrong: null },
    ...done,
  };
}
