import { cancellationSignal, heartbeat } from '@temporalio/activity';

export const BEAT_MS = 1000;

/**
 * Heartbeats while `act` runs, so that the death of a worker in the middle of it is noticed in seconds. A worker that shuts down does not
 * wait for it: what `act` does may be done again by the next one, as all activities may.
 */
export async function beating<T>(act: () => Promise<T>): Promise<T> {
  const signal = cancellationSignal();
  const timer = setInterval(() => heartbeat(), BEAT_MS);
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await Promise.race([act(), stopped]);
  } finally {
    clearInterval(timer);
    signal.removeEventListener('abort', stop);
  }
}
