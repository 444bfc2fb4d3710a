import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';

/**
 * How long a stage program waits for what it depends on. All limits follow from the stage's own stall limit, so a
 * hanging server is reported by name before the whole stage counts as stalled. The shares and the minute are *ours*.
 */
export interface Timeouts {
  /**
   * Longest time of a single request to a healthy server. It is not retried, because a retry would take as long again.
   */
  readonly requestMs: number;
  /** Silence (not even `GET /health` is answered) after which a server counts as hanging. */
  readonly silenceMs: number;
  /** How long a failing request is retried. Bridges the restart of a small server. */
  readonly failingMs: number;
  /**
   * How long a server may take to become ready. The executor starts this program after its server, so it only bridges a
   * restart.
   */
  readonly readyMs: number;
  /**
   * Time without a verdict, with a request open, after which the verifier counts as hanging; also the longest time of
   * its start. The verifier itself limits a single verdict to seconds.
   */
  readonly verifierMs: number;
}

const MINUTE_MS = 60_000;
/** Longest delay that a timer of Node accepts. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** @param stallTimeoutSeconds - `run.stallTimeoutSeconds` of the stage */
export function timeoutsOf(stallTimeoutSeconds: number): Timeouts {
  const stallMs = stallTimeoutSeconds * 1000;
  const share = (part: number, mostMs: number): number => Math.min(mostMs, stallMs * part);
  return {
    requestMs: Math.min(LONGEST_TIMER_MS, stallMs * 0.9),
    silenceMs: share(1 / 6, MINUTE_MS),
    failingMs: share(1 / 6, MINUTE_MS),
    readyMs: share(1 / 2, MINUTE_MS),
    verifierMs: share(1 / 7, 2 * MINUTE_MS),
  };
}

/** An error of a dependency that a retry may cure. */
export class TransientError extends Error {
  override readonly name = 'TransientError';
  /** How long the other side asks us to wait; null when it does not say. */
  readonly waitMs: number | null;
  constructor(message: string, options: ErrorOptions & { readonly waitMs?: number | null } = {}) {
    super(message, options);
    this.waitMs = options.waitMs ?? null;
  }
}

/**
 * Wait before a retry: 0.5 s at first, doubled up to 8 s, less a random part of up to one half. The random part keeps
 * requests that failed together from returning together. *Ours*.
 * @param retry - number of the retry, from 0
 * @param chance - random number in [0, 1)
 */
export const backoffMs = (retry: number, chance: number): number => Math.min(8000, 500 * 2 ** retry) * (1 - chance / 2);

/**
 * Runs `attempt` again while it throws {@link TransientError}, with back-off, until it has failed for `failingMs`.
 * @param signal - ends a wait at once
 * @returns the result of the first successful attempt
 * @throws any other error at once; the last TransientError when the time is over; the reason of the signal
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  {
    failingMs,
    signal,
    log,
  }: { readonly failingMs: number; readonly signal: AbortSignal; readonly log: Pick<Logger, 'warn'> },
): Promise<T> {
  let failingSince: number | undefined;
  // Decided by the wait before, and not by the clock after it: a timer may fire a millisecond early.
  let isLast = false;
  for (let retry = 0; ; retry += 1) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TransientError)) throw error;
      failingSince ??= performance.now();
      const leftMs = failingMs - (performance.now() - failingSince);
      if (isLast || leftMs <= 0) throw error;
      const waitMs = Math.min(leftMs, Math.max(error.waitMs ?? 0, backoffMs(retry, Math.random())));
      isLast = waitMs >= leftMs;
      log.warn({ trouble: error.message, waitMs: Math.round(waitMs) }, 'request failed; retrying');
      await sleep(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
