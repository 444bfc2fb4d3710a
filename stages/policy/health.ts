import { setTimeout as sleep } from 'node:timers/promises';
import { withSignals } from '../runtime/signals.ts';
import { Trouble } from './patience.ts';

/** Probes in a row that must fail before a server is given up: one alone may have met a busy moment, or our own. */
const PROBES = 3;

/**
 * One look at the server.
 * @returns null when it is well, else what came instead
 * @throws the reason of the signal
 */
export async function ailmentOf(url: string, withinMs: number, signal: AbortSignal): Promise<string | null> {
  return await withSignals([signal], async (own) => {
    const timer = setTimeout(() => own.abort(new Error(`no answer within ${seconds(withinMs)}`)), withinMs);
    try {
      const answer = await fetch(`${url}/health`, { signal: own.signal });
      const words = (await answer.text()).trim().slice(0, 200);
      return answer.ok ? null : `HTTP ${answer.status} ${words}`.trim();
    } catch (error) {
      signal.throwIfAborted();
      const { cause, message } = error as Error;
      return cause instanceof Error ? cause.message || String((cause as NodeJS.ErrnoException).code) : message;
    } finally {
      clearTimeout(timer);
    }
  });
}

export interface HealthWatch {
  /**
   * Does `work` while the server is watched. `hung` aborts, with {@link Trouble} as its reason, when the server is found to hang.
   */
  during<T>(work: (hung: AbortSignal) => Promise<T>): Promise<T>;
}

/**
 * Tells a server that hangs (it takes requests and answers nothing) from one that is at long work: the latter still answers `GET /health`.
 * So a request may take as long as it needs, and a dead server is found out within about `silenceMs`. Probes are sent only while something
 * is asked.
 */
export function healthWatch(url: string, silenceMs: number): HealthWatch {
  const probeMs = silenceMs / PROBES;
  let inFlight = 0;
  let hung = new AbortController();
  let watching: AbortController | undefined;

  async function watch(signal: AbortSignal): Promise<void> {
    for (let bad = 0, waitMs = probeMs; ; ) {
      await sleep(waitMs, undefined, { signal }); // first of all: most requests are answered by then
      const began = performance.now();
      const ailment = await ailmentOf(url, probeMs, signal);
      bad = ailment === null ? 0 : bad + 1;
      if (bad === PROBES) {
        hung.abort(new Trouble(`it hangs: GET /health came to nothing ${PROBES} times in a row (${ailment})`));
        hung = new AbortController();
        bad = 0;
      }
      waitMs = Math.max(1, probeMs - (performance.now() - began));
    }
  }
  return {
    async during(work) {
      inFlight += 1;
      if (watching === undefined) {
        watching = new AbortController();
        watch(watching.signal).catch(() => {}); // ends by its signal alone
      }
      try {
        return await work(hung.signal);
      } finally {
        inFlight -= 1;
        if (inFlight === 0) {
          watching?.abort();
          watching = undefined;
        }
      }
    },
  };
}

const seconds = (ms: number): string => `${Number((ms / 1000).toPrecision(2))} s`;
