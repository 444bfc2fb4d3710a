import { addAbortListener } from 'node:events';
import { type FSWatcher, watch } from 'node:fs';

/** Changes in a folder, as a hint to check again. */
export interface FolderChanges extends Disposable {
  /**
   * Resolves at the next change, after `timeoutMs`, or when `signal` aborts. If it is called before a check, it misses
   * no change after the check.
   */
  next(timeoutMs: number, signal: AbortSignal): Promise<void>;
}

/** Watches a folder. If that fails (no such folder, too many watches), only the time-out resolves `next`. */
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
    async next(timeoutMs, signal) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, timeoutMs);
      using _ = addAbortListener(signal, () => resolve());
      changed = resolve;
      await promise;
      clearTimeout(timer);
    },
    [Symbol.dispose]: () => watcher?.close(),
  };
}
