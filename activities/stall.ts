import type { PodState } from '../executor/index.ts';
import type { Progress } from '../spec/index.ts';

/** A pod at work as the watch remembers it. */
export interface Idle {
  /** Units done when it was last seen to move; null: it has not reported yet. */
  readonly done: number | null;
  /** Time without growth of `done` since then, in ms. */
  readonly ms: number;
}

/** Pods at work by their part. */
export type IdlePods = ReadonlyMap<number, Idle>;

/**
 * The pods at work after one more look, `elapsedMs` after the last. Each is watched by itself: one that hangs is found while the others go
 * on. One that has ended, or waits for a machine, cannot stall; one that has done all its units and does not end can. Pure.
 * @param reports - by part; of a gang one alone, that of rank 0: no rank makes a step without the others
 */
export function afterLook(
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
  /** Without a full stop, for a message. */
  readonly words: string;
  /** Which pod, and where it runs; null where it cannot be told. */
  readonly part: number | null;
  readonly node: string | null;
}

/** Pods that a message names. */
const NAMED = 3;

/** Says which pods have been idle for longer than the limit; null while none has. Pure. */
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
  // Of a gang that is still whole rank 0 reports for all.
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
