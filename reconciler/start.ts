import { setTimeout as sleep } from 'node:timers/promises';
import { type Cleaned, describeSubject, type ReconcileTargets, reconcile } from './reconcile.ts';

/** The part of a pino logger that the reconciler uses. */
export interface Log {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

export interface ReconcilerOptions extends ReconcileTargets {
  readonly log: Log;
  readonly everyMs?: number;
  readonly signal: AbortSignal;
}

/**
 * Interval between two rounds. Garbage is not urgent: it costs disk space, and a campaign that is blocked by a stale
 * claim checks that claim itself. *Ours*.
 */
const EVERY_MS = 10 * 60_000;

/**
 * Cleans up at once, and repeats it every ten minutes until `signal` aborts. Then it resolves without waiting for jobs
 * that are being stopped. It never rejects.
 */
export async function startReconciler({
  log,
  everyMs = EVERY_MS,
  signal,
  ...targets
}: ReconcilerOptions): Promise<void> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  if (signal.aborted) return;
  let reported: string[] = [];

  function logCleaned({ finding, done, error }: Cleaned): void {
    const facts = { garbage: finding.kind, subject: describeSubject(finding), why: finding.why };
    if (error === null) log.info(facts, `garbage ${done}`);
    else log.warn({ ...facts, error }, 'cannot clean up garbage');
  }

  async function round(): Promise<void> {
    try {
      const { doubts } = await reconcile(targets, { signal, onCleaned: logCleaned });
      for (const why of doubts.filter((one) => !reported.includes(one))) log.warn({ why }, 'cannot list all garbage');
      reported = [...doubts];
    } catch (error) {
      log.warn({ err: error }, 'cannot list garbage');
    }
  }
  while (!signal.aborted) {
    await Promise.race([round(), aborted]);
    await sleep(everyMs, undefined, { signal, ref: false }).catch(() => {});
  }
}
