import { setTimeout as sleep } from 'node:timers/promises';
import { withSignals } from '../runtime/signals.ts';
import { TransientError } from './retry.ts';

/**
 * Probes that must fail in a row before a server counts as hanging. One probe alone may have met a busy moment of the
 * server, or of this process.
 */
const PROBES = 3;

/**
 * Probes `GET /health` once.
 * @returns null when the server is healthy, else what came instead
 * @throws the reason of the signal
 */
export async function healthProblem(url: string, withinMs: number, signal: AbortSignal): Promise<string | null> {
  return await withSignals([signal], async (own) => {
    const timer = setTimeout(() => own.abort(new Error(`no answer within ${seconds(withinMs)}`)), withinMs);
    try {
      const answer = await fetch(`${url}/health`, { signal: own.signal });
      const text = (await answer.text()).trim().slice(0, 200);
      return answer.ok ? null : `HTTP ${answer.status} ${text}`.trim();
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
   * Runs `work` while the server is watched. When the server hangs, `hung` aborts with a {@link TransientError} as its
   * reason.
   */
  during<T>(work: (hung: AbortSignal) => Promise<T>): Promise<T>;
}

/**
 * Distinguishes a hanging server (it accepts requests and answers nothing) from a busy one, which still answers `GET
 * /health`. So a request may take as long as it needs, and a dead server is noticed within about `silenceMs`. Probes
 * are sent only while a request is in flight.
 */
export function healthWatch(url: string, silenceMs: number): HealthWatch {
  const probeMs = silenceMs / PROBES;
  let inFlight = 0;
  let hung = new AbortController();
  let watching: AbortController | undefined;

  async function watch(signal: AbortSignal): Promise<void> {
    for (let failed = 0, waitMs = probeMs; ; ) {
      await sleep(waitMs, undefined, { signal }); // before the first probe: most requests are answered by then
      const began = performance.now();
      const problem = await healthProblem(url, probeMs, signal);
      failed = problem === null ? 0 : failed + 1;
      if (failed === PROBES) {
        hung.abort(new TransientError(`it hangs: GET /health failed ${PROBES} times in a row (${problem})`));
        hung = new AbortController();
        failed = 0;
      }
      waitMs = Math.max(1, probeMs - (performance.now() - began));
    }
  }
  return {
    async during(work) {
      inFlight += 1;
      if (watching === undefined) {
        watching = new AbortController();
        watch(watching.signal).catch(() => {}); // rejects only when its signal aborts
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
