import { setTimeout as sleep } from 'node:timers/promises';
import { KubeError } from './errors.ts';
import type { Page } from './lists.ts';
import { type KubeObject, nameOf } from './objects.ts';
import type { WatchEvent } from './watch.ts';

/** Where a reflector gets its objects from. */
export interface Source {
  list(next: string | null): Promise<Page>;
  watch(resourceVersion: string, signal: AbortSignal): AsyncIterable<WatchEvent>;
}

export interface ReflectorOptions {
  readonly source: Source;
  /** The object as it is now; of one that is gone, as it was last. */
  readonly onChange: (object: KubeObject, change: 'there' | 'gone') => void;
  /** Whether what is known is kept up to date at this moment. Silence is not knowledge: while it is false nothing is to be concluded from time. */
  readonly onLive: (live: boolean) => void;
  /** Told when the server does not answer, or refuses. */
  readonly onTrouble: (error: KubeError) => void;
  readonly signal: AbortSignal;
  /** In [0, 1); tests hand in their own, and their own clock. */
  readonly random?: () => number;
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Waits between two tries: 0.2 s, doubled up to 3 s, so that the truth is known within 5 s of the return of a server. *Ours*. */
export const BACKOFF = { firstMs: 200, mostMs: 3000 } as const;
/**
 * A refusal (403) is not mended within seconds; but an API server that has just started refuses for some, before it has read its roles. So the
 * waits are doubled from the first one on, up to this. *Ours*.
 */
const REFUSED_MS = 30_000;

/**
 * Lists, then watches, for ever: after a lost connection from where it was, and anew where the server does not know that any more (410).
 * Every object is told at least once, and its end too, also if it came while nobody watched.
 */
export async function reflect(options: ReflectorOptions): Promise<void> {
  const { source, onChange, onLive, onTrouble, signal, random = Math.random, wait = waited } = options;
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
        tell(object, type === 'DELETED' ? 'gone' : 'there');
      }
      // The server ends every watch after some minutes: what follows is the next one.
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
        tell(object, 'there');
      }
      next = page.next;
    } while (next !== null);
    for (const [id, object] of known) if (!found.has(id)) tell(object, 'gone');
    return page.resourceVersion;
  }

  function tell(object: KubeObject, change: 'there' | 'gone'): void {
    if (change === 'there') known.set(idOf(object), object);
    else known.delete(idOf(object));
    onChange(object, change);
  }
}

const isRefused = (error: KubeError): boolean => !error.retryable && error.status !== 410;

/**
 * How long to wait after the n-th failure, or refusal, in a row. Pure.
 * @param chance - in [0, 1): many workers that lost the same server do not come back at the same moment
 */
export function pauseAfter(error: KubeError, failures: number, chance: number): number {
  if (error.status === 410) return 0;
  const asked = (error.retryAfterSeconds ?? 0) * 1000;
  const own = Math.min(isRefused(error) ? REFUSED_MS : BACKOFF.mostMs, BACKOFF.firstMs * 2 ** (failures - 1));
  return Math.max(asked, own) * (0.5 + chance / 2);
}

const idOf = (object: KubeObject): string => object.metadata?.uid ?? nameOf(object);

const waited = (ms: number, signal: AbortSignal): Promise<void> => sleep(ms, undefined, { signal }).catch(() => {});
