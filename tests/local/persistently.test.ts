import { expect, test } from 'vitest';
import { persistently } from '../../local/persistently.ts';

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
  expect(await persistently(answering('ENOSPC', 'EROFS'))).toBe(3);
});

test('what no mending of the disk would change is told at once', async () => {
  await expect(persistently(answering('EACCES'))).rejects.toThrow('EACCES');
});
