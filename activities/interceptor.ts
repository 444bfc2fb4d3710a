import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { withFailureMapping } from './failures.ts';
import { withHeartbeat } from './heartbeat.ts';

/**
 * Result of an activity, and when it ran by the clock of its worker (ms since the epoch). The workflow measures its
 * waits with these times.
 */
export interface Timed<T> {
  readonly value: T;
  readonly startedAt: number;
  readonly finishedAt: number;
}

/** Activities as a workflow sees them: every result comes with its times. */
export type Answered<A> = {
  [Name in keyof A]: A[Name] extends (...input: infer Input) => Promise<infer Value>
    ? (...input: Input) => Promise<Timed<Value>>
    : never;
};

/**
 * What all activities share, registered once per worker: heartbeats, errors as failures that Temporal understands, and
 * times with the result.
 * @param store - folder of the store
 */
export const activityInterceptor =
  (store: string): ActivityInterceptorsFactory =>
  () => ({
    inbound: {
      execute: (input, next) => withFailureMapping(store, () => withTimes(() => withHeartbeat(() => next(input)))),
    },
  });

async function withTimes<T>(act: () => Promise<T>): Promise<Timed<T>> {
  const startedAt = Date.now();
  const value = await act();
  return { value, startedAt, finishedAt: Date.now() };
}
