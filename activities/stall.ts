import type { PodState } from '../executor/index.ts';
import type { Progress } from '../spec/index.ts';

/** The idle time of a running pod. */
export interface Idle {
  /** Units done when it last made progress; null if it has not reported yet. */
  readonly done: number | null;
  /** Time since then without progress, in ms. */
  readonly ms: number;
}

/** Idle times of the running pods, by part. */
export type IdlePods = ReadonlyMap<number, Idle>;

/**
 * The idle times after one more check, `elapsedMs` after the last one. Each pod counts by itself, so one that hangs is
 * found while the others continue. A pod that has ended, or waits for a machine, cannot stall. A pod that has done all
 * its units and does not end can. Pure.
 * @param reports - by part; for a gang only that of rank 0, because no rank makes a step without the others
 */
export function updatedIdle(
  before: IdlePods,
  pods: readonly Pick<PodState, 'part' | 'phase'>[],
  reports: readonly (Progress | null)[],
  elapsedMs: number,
): IdlePods {
  const running = pods.filter(({ phase }) => phase === 'running');
  return new Map(
    running.map(({ part }) => {
      const last = before.get(part);
      const done = reports[reports.length === 1 ? 0 : part]?.done ?? last?.done ?? null;
      return [part, { done, ms: last === undefined || done !== last.done ? 0 : last.ms + elapsedMs }];
    }),
  );
}

/** A job in which pods have made no progress for the stall limit. */
export interface Stall {
  /** The message, without a full stop. */
  readonly words: string;
  /** Which pod, and on which node; null if unknown. */
  readonly part: number | null;
  readonly node: string | null;
}

/** Number of pods that a message names. */
const NAMED = 3;

/** Says which pods have been idle for longer than the limit; null if none has. Pure. */
export function stallOf(
  idle: IdlePods,
  pods: readonly Pick<PodState, 'part' | 'node'>[],
  isGang: boolean,
  limitSeconds: number,
): Stall | null {
  const stalled = [...idle].filter(([, { ms }]) => ms > limitSeconds * 1000).toSorted(([, a], [, b]) => b.ms - a.ms);
  const [first] = stalled;
  if (first === undefined) return null;
  const words = `no progress for ${limitSeconds} s`;
  // In a complete gang rank 0 reports for all ranks.
  if (isGang && stalled.length === pods.length && pods.length > 1) return { words, part: null, node: null };
  const [part, { done }] = first;
  const node = pods.find((pod) => pod.part === part)?.node ?? null;
  if (pods.length === 1) return { words, part, node };
  const names = stalled.slice(0, NAMED).map(([index]) => index);
  const others = stalled.length > NAMED ? ` and ${stalled.length - NAMED} others` : '';
  const what = isGang ? 'rank' : 'part';
  const who = `${what}${stalled.length === 1 ? '' : 's'} ${names.join(', ')}${others} of ${pods.length}`;
  const at = done === null ? 'nothing reported yet' : `${done} done`;
  return { words: `${who}: ${words} (${at})`, part, node };
}
