import { addAbortListener } from 'node:events';
import { Context } from '@temporalio/activity';

export const HEARTBEAT_MS = 1000;

/** Heartbeat details of the running activities. */
const details = new WeakMap<Context, () => unknown>();

/**
 * Sets the heartbeat details of the current activity. The next try of the activity reads them, and so does whoever
 * describes the workflow.
 * @param current - returns the details of one heartbeat; called every {@link HEARTBEAT_MS}
 */
export function setHeartbeatDetails(current: () => unknown): void {
  details.set(Context.current(), current);
}

/**
 * Sends heartbeats while `act` runs, so that Temporal notices a dead worker within seconds. Rejects as soon as the
 * activity is cancelled, without waiting for `act`. Another worker may then repeat work that `act` is still doing, as
 * with every activity.
 */
export async function withHeartbeat<T>(act: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const { cancellationSignal: signal } = context;
  const timer = setInterval(() => context.heartbeat(details.get(context)?.()), HEARTBEAT_MS);
  const { promise: cancelled, reject } = Promise.withResolvers<never>();
  using _ = addAbortListener(signal, () => reject(signal.reason));
  try {
    return await Promise.race([act(), cancelled]);
  } finally {
    clearInterval(timer);
  }
}
