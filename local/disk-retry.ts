import { setTimeout as sleep } from 'node:timers/promises';

const RETRY_AFTER_MS = 500;
/** Error codes of a full, read-only or broken file system, until it is fixed. */
const FIXABLE: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'ESTALE', 'EMFILE', 'ENFILE']);

/**
 * Runs a write to a disk, and retries while the disk is at fault: a supervisor of running programs must not die of
 * that.
 */
export async function retryOnDiskError<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!FIXABLE.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      await sleep(RETRY_AFTER_MS);
    }
  }
}
