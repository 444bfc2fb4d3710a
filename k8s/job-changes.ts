import { addAbortListener } from 'node:events';
import type { WatchCache } from './api/watch-cache.ts';

/** The status of a Job can change without an event, when a time limit expires. */
const CHECK_EVERY_MS = 2000;

/** Changes of one Job, its pods and its warnings. A change between two calls of {@link next} is not missed. */
export class JobChanges implements Disposable {
  #changed = false;
  #wake = (): void => {};
  readonly #signal: AbortSignal | undefined;
  readonly #cleanup = new DisposableStack();

  constructor(cache: Pick<WatchCache, 'listen'>, job: string, signal?: AbortSignal) {
    this.#signal = signal;
    this.#cleanup.defer(cache.listen(job, this.notify));
    if (signal !== undefined) this.#cleanup.use(addAbortListener(signal, this.notify));
  }

  /** Counts as a change. */
  readonly notify = (): void => {
    this.#changed = true;
    this.#wake();
  };

  /** Resolves after the next change, when the signal aborts, or after {@link CHECK_EVERY_MS}. */
  async next(): Promise<void> {
    if (!this.#changed && this.#signal?.aborted !== true) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, CHECK_EVERY_MS);
      this.#wake = resolve;
      await promise;
      clearTimeout(timer);
    }
    this.#changed = false;
  }

  [Symbol.dispose](): void {
    this.#cleanup.dispose();
  }
}
