import { type FSWatcher, watch } from 'node:fs';

/** Changes in a folder, as a hint to look again. */
export interface FolderChanges extends Disposable {
  /** Resolves at the next change, after `timeoutMs`, or when `signal` aborts. Asked for before a look, it misses nothing after it. */
  next(timeoutMs: number, signal: AbortSignal): Promise<void>;
}

/** Watches a folder. Where that cannot be done (no such folder, no watches left), the time-out alone is the hint. */
export function watchFolder(path: string): FolderChanges {
  let changed = (): void => {};
  let watcher: FSWatcher | null = null;
  try {
    watcher = watch(path, { persistent: false }, () => changed());
    watcher.on('error', () => watcher?.close());
  } catch {
    watcher = null;
  }
  return {
    next(timeoutMs, signal) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, timeoutMs);
      const aborted = (): void => resolve();
      signal.addEventListener('abort', aborted);
      changed = resolve;
      if (signal.aborted) resolve();
      return promise.finally(() => {
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
      });
    },
    [Symbol.dispose]: () => watcher?.close(),
  };
}
