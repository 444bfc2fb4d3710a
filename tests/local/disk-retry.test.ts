import { expect, test } from 'vitest';
import { retryOnDiskError } from '../../local/disk-retry.ts';

// A fake of the disk's answer: filling a disk takes a file system of its own, which only the superuser can make.
const answering = (...codes: string[]) => {
  let calls = 0;
  return async (): Promise<number> => {
    const code = codes[calls++];
    if (code !== undefined) throw Object.assign(new Error(code), { code });
    return calls;
  };
};

test('what a full or read-only disk refuses is done once it is mended', async () => {
  expect(await retryOnDiskError(answering('ENOSPC', 'EROFS'))).toBe(3);
});

test('what no mending of the disk would change is told at once', async () => {
  await expect(retryOnDiskError(answering('EACCES'))).rejects.toThrow('EACCES');
});
