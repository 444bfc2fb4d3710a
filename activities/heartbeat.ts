import { addAbortListener } from 'node:events';
import { Context } from '@temporalio/activity';

export const BEAT_MS = 1000;

/** Details of the heartbeats of an activity that is under way. */
const details = new WeakMap<Context, () => unknown>();

/**
 * Gives the heartbeats of the current activity their details: the next try of the activity, and whoever describes the workflow, reads them.
 * @param current - returns the details of one heartbeat; called every {@link BEAT_MS}
 */
export function setHeartbeatDetails(current: () => unknown): void {
  details.set(Context.current(), current);
}

/**
 * Heartbeats while `act` runs, so that Temporal notices a dead worker within seconds. Rejects as soon as the activity is cancelled and does not
 * wait for `act`: the next worker may do the same work again, as with every activity.
 */
export async function withHeartbeat<T>(act: () => Promise<T>): Promise<T> {
  const context = Context.current();
  const { cancellationSignal: signal } = context;
  const timer = setInterval(() => context.heartbeat(details.get(context)?.()), BEAT_MS);
  const { promise: cancelled, reject } = Promise.withResolvers<never>();
  using _ = addAbortListener(signal, () => reject(signal.reason));
  try {
    return await Promise.race([act(), cancelled]);
  } finally {
    clearInterval(timer);
  }
}
