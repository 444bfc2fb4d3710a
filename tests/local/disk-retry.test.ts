import { expect, test } from 'vitest';
import { retryOnDiskError } from '../../local/disk-retry.ts';

// A fake error: filling a disk needs a file system of its own, which only root can make.
const answering = (...codes: string[]) => {
  let calls = 0;
  return async (): Promise<number> => {
    const code = codes[calls++];
    if (code !== undefined) throw Object.assign(new Error(code), { code });
    return calls;
  };
};

test('a write to a full or read-only disk is repeated until the disk is fixed', async () => {
  expect(await retryOnDiskError(answering('ENOSPC', 'EROFS'))).toBe(3);
});

test('an error that is no fault of the disk is thrown at once', async () => {
  await expect(retryOnDiskError(answering('EACCES'))).rejects.toThrow('EACCES');
});
