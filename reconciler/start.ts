import { setTimeout as sleep } from 'node:timers/promises';
import { type Cleaned, type Reconcilable, reconcile, subjectOf } from './reconcile.ts';

/** What is used of a pino logger. */
export interface Log {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

export interface ReconcilerOptions extends Reconcilable {
  readonly log: Log;
  readonly everyMs?: number;
  readonly signal: AbortSignal;
}

/** Garbage is no hurry: it costs disk, and a claim that holds up another campaign is looked at by that one itself. *Ours*. */
const EVERY_MS = 10 * 60_000;

/**
 * Cleans up now, and from then on every ten minutes, until `signal` aborts: then it resolves at once, and what is being stopped is left to
 * its grace. Never rejects.
 */
export async function startReconciler({
  log,
  everyMs = EVERY_MS,
  signal,
  ...things
}: ReconcilerOptions): Promise<void> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  if (signal.aborted) return;
  let told: string[] = [];

  function tell({ finding, done, error }: Cleaned): void {
    const facts = { garbage: finding.kind, subject: subjectOf(finding), why: finding.why };
    if (error === null) log.info(facts, `garbage ${done}`);
    else log.warn({ ...facts, error }, 'garbage could not be cleaned up');
  }

  async function round(): Promise<void> {
    try {
      const { doubts } = await reconcile(things, { signal, onCleaned: tell });
      for (const doubt of doubts.filter((one) => !told.includes(one))) log.warn({ doubt }, 'garbage cannot be told');
      told = [...doubts];
    } catch (error) {
      log.warn({ err: error }, 'garbage could not be looked for');
    }
  }
  while (!signal.aborted) {
    await Promise.race([round(), aborted]);
    await sleep(everyMs, undefined, { signal, ref: false }).catch(() => {});
  }
}
