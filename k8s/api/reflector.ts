import { setTimeout as sleep } from 'node:timers/promises';
import { KubeError } from './errors.ts';
import type { Page } from './lists.ts';
import { type KubeObject, nameOf } from './objects.ts';
import type { WatchEvent } from './watch.ts';

/** The source of the objects of a reflector. */
export interface Source {
  list(next: string | null): Promise<Page>;
  watch(resourceVersion: string, signal: AbortSignal): AsyncIterable<WatchEvent>;
}

export interface ReflectorOptions {
  readonly source: Source;
  /** Called with the current object, or with the last state of a deleted one. */
  readonly onChange: (object: KubeObject, change: 'there' | 'gone') => void;
  /** Called when the objects become current or stale. While they are stale, time proves nothing. */
  readonly onLive: (live: boolean) => void;
  /** Called when the server does not answer, or refuses. */
  readonly onTrouble: (error: KubeError) => void;
  readonly signal: AbortSignal;
  /** In [0, 1); tests pass their own, and their own clock. */
  readonly random?: () => number;
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Waits between two tries: 0.2 s, doubled up to 3 s, so that the state is current within 5 s after a server returns.
 * *Ours*.
 */
export const BACKOFF = { firstMs: 200, mostMs: 3000 } as const;
/**
 * Longest wait after refusals (403), which mostly last. The waits are doubled from the first one on, because an API
 * server that has just started refuses for some seconds, until it has read its roles. *Ours*.
 */
const REFUSED_MS = 30_000;

/**
 * Lists, then watches, until aborted. After a lost connection it continues at its last version, and lists again if the
 * server no longer knows that version (410). Every object is reported at least once. Its end is reported too, even if
 * it came between two watches.
 */
export async function reflect(options: ReflectorOptions): Promise<void> {
  const { source, onChange, onLive, onTrouble, signal, random = Math.random, wait = pause } = options;
  const known = new Map<string, KubeObject>();
  let version: string | null = null;
  let failures = 0;
  let refusals = 0;
  while (!signal.aborted) {
    try {
      version ??= await relist();
      const changes: AsyncIterable<WatchEvent> = source.watch(version, signal);
      for await (const event of changes) {
        if (event.type === 'OPEN') {
          onLive(true);
          continue;
        }
        const { type, object } = event;
        failures = 0;
        version = object.metadata?.resourceVersion ?? version;
        if (type === 'BOOKMARK') continue;
        report(object, type === 'DELETED' ? 'gone' : 'there');
      }
      // The server ends every watch after some minutes. The next one follows.
      failures = Math.max(0, failures - 1);
    } catch (error) {
      if (signal.aborted) break;
      if (!(error instanceof KubeError)) throw error;
      onLive(false);
      if (error.status === 410) version = null;
      else onTrouble(error);
      failures += 1;
      refusals = isRefused(error) ? refusals + 1 : 0;
      await wait(pauseAfter(error, isRefused(error) ? refusals : failures, random()), signal);
    }
  }

  async function relist(): Promise<string> {
    const found = new Set<string>();
    let page: Page;
    let next: string | null = null;
    do {
      page = await source.list(next);
      for (const object of page.items) {
        found.add(idOf(object));
        report(object, 'there');
      }
      next = page.next;
    } while (next !== null);
    for (const [id, object] of known) if (!found.has(id)) report(object, 'gone');
    return page.resourceVersion;
  }

  function report(object: KubeObject, change: 'there' | 'gone'): void {
    if (change === 'there') known.set(idOf(object), object);
    else known.delete(idOf(object));
    onChange(object, change);
  }
}

const isRefused = (error: KubeError): boolean => !error.retryable && error.status !== 410;

/**
 * How long to wait after the n-th failure, or refusal, in a row. Pure.
 * @param chance - in [0, 1): spreads many workers that lost the same server
 */
export function pauseAfter(error: KubeError, failures: number, chance: number): number {
  if (error.status === 410) return 0;
  const asked = (error.retryAfterSeconds ?? 0) * 1000;
  const own = Math.min(isRefused(error) ? REFUSED_MS : BACKOFF.mostMs, BACKOFF.firstMs * 2 ** (failures - 1));
  return Math.max(asked, own) * (0.5 + chance / 2);
}

const idOf = (object: KubeObject): string => object.metadata?.uid ?? nameOf(object);

const pause = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, undefined, { signal }).catch(() => {});
