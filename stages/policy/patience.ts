import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';

/**
 * How long a stage program bears with what it depends on. All follows from the stage's own stall limit, so that a server that hangs is told
 * as such, in words, before the stage as a whole is taken for stalled. The shares and the minute are *ours*.
 */
export interface Patience {
  /** Longest that a single request may take while the server is well. Asking again would take as long again: it is not. */
  readonly requestMs: number;
  /** Silence (not even `GET /health` is answered) after which a server hangs. */
  readonly silenceMs: number;
  /** How long a request that fails is asked again: bridges the restart of a small server. */
  readonly failingMs: number;
  /** How long a server may take to become ready. The executor starts us after it, so this only bridges a restart. */
  readonly readyMs: number;
  /** Silence, while something is asked, after which the verifier hangs. It limits a single verdict to seconds by itself. */
  readonly verifierMs: number;
}

const MINUTE_MS = 60_000;
/** Longest delay that a timer of Node takes. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** @param stallTimeoutSeconds - `run.stallTimeoutSeconds` of the stage */
export function patienceOf(stallTimeoutSeconds: number): Patience {
  const stallMs = stallTimeoutSeconds * 1000;
  const share = (part: number, mostMs: number): number => Math.min(mostMs, stallMs * part);
  return {
    requestMs: Math.min(LONGEST_TIMER_MS, stallMs * 0.9),
    silenceMs: share(1 / 6, MINUTE_MS),
    failingMs: share(1 / 6, MINUTE_MS),
    readyMs: share(1 / 2, MINUTE_MS),
    verifierMs: share(1 / 6, 2 * MINUTE_MS),
  };
}

/** Trouble of a dependency that may be over when it is asked again. */
export class Trouble extends Error {
  override readonly name = 'Trouble';
  /** How long the other side asks us to wait; null where it does not say. */
  readonly waitMs: number | null;
  constructor(message: string, options: ErrorOptions & { readonly waitMs?: number | null } = {}) {
    super(message, options);
    this.waitMs = options.waitMs ?? null;
  }
}

/**
 * Wait before another try: from 0.5 s, doubled up to 8 s, less up to half of it by chance, so that requests which failed together do not
 * come back together. *Ours*.
 * @param retry - from 0
 * @param chance - in [0, 1)
 */
export const backoffMs = (retry: number, chance: number): number => Math.min(8000, 500 * 2 ** retry) * (1 - chance / 2);

/**
 * Does `attempt` again while it throws {@link Trouble}, with back-off, until it has failed for `failingMs`.
 * @param signal - ends the wait between two tries at once
 * @returns what the first good try returned
 * @throws what was no Trouble, at once; the last Trouble when patience is over; the reason of the signal
 */
export async function withPatience<T>(
  attempt: () => Promise<T>,
  {
    failingMs,
    signal,
    log,
  }: { readonly failingMs: number; readonly signal: AbortSignal; readonly log: Pick<Logger, 'warn'> },
): Promise<T> {
  let failingSince: number | undefined;
  // Told by the wait and not by the clock after it: a timer may be a millisecond early.
  let isLast = false;
  for (let retry = 0; ; retry += 1) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Trouble)) throw error;
      failingSince ??= performance.now();
      const leftMs = failingMs - (performance.now() - failingSince);
      if (isLast || leftMs <= 0) throw error;
      const waitMs = Math.min(leftMs, Math.max(error.waitMs ?? 0, backoffMs(retry, Math.random())));
      isLast = waitMs >= leftMs;
      log.warn({ trouble: error.message, waitMs: Math.round(waitMs) }, 'a request failed; it is asked again');
      await sleep(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
