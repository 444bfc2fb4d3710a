import { setTimeout as sleep } from 'node:timers/promises';

const AGAIN_AFTER_MS = 500;
/** What a file system answers that is full, read-only or broken, until it is mended. */
const MENDABLE: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'ESTALE', 'EMFILE', 'ENFILE']);

/** Does what writes to a disk, and again as long as the disk is at fault: who keeps the books of running programs must not die of it. */
export async function retryOnDiskError<T>(act: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!MENDABLE.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      await sleep(AGAIN_AFTER_MS);
    }
  }
}
