import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { readAllJsonl, writeJsonl } from '../../stages/io/jsonl.ts';
import { linesOf } from '../../stages/io/lines.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const Line = z.object({ name: z.string() });

async function aFile(text: string): Promise<string> {
  const path = join(await temporaryFolder(), 'set.jsonl');
  await writeFile(path, text);
  return path;
}

test('records are read as they were written', async () => {
  const path = join(await temporaryFolder(), 'deep', 'set.jsonl');
  const records = [{ name: 'a' }, { name: 'line\nbreak, \u2028 and ünïcode' }];
  await writeJsonl(path, records);
  expect(await readAllJsonl([path, path], Line)).toEqual([...records, ...records]);
});

test('empty lines and Windows line ends are skipped', async () => {
  expect(await readAllJsonl([await aFile('{"name":"a"}\r\n\n{"name":"b"}')], Line)).toHaveLength(2);
});

test('a record that does not match the schema is refused with file, line and field', async () => {
  const path = await aFile('{"name":"a"}\n{"name":1}\n');
  await expect(readAllJsonl([path], Line)).rejects.toMatchObject({
    failure: 'InvalidInput',
    message: `${path}:2 is not valid:\n  name: expected string, but got 1`,
  });
});

test('a line that is not JSON is refused with file and line', async () => {
  const path = await aFile('{"name":"a"}\n{"name":\n');
  await expect(readAllJsonl([path], Line)).rejects.toThrow(`${path}:2: expected one JSON value on the line`);
});

test('a missing file is refused by name', async () => {
  const path = join(await temporaryFolder(), 'none.jsonl');
  await expect(readAllJsonl([path], Line)).rejects.toMatchObject({ failure: 'InvalidInput' });
});

test('a failing source keeps the old file and leaves no temporary one', async () => {
  const path = await aFile('old');
  const failing = function* () {
    yield { name: 'new' };
    throw new Error('no more');
  };
  await expect(writeJsonl(path, failing())).rejects.toThrow('no more');
  expect(await readFile(path, 'utf8')).toBe('old');
  expect(await readdir(join(path, '..'))).toEqual(['set.jsonl']);
});

test('a long line is searched once, in however many pieces it comes', async () => {
  const text = 'x'.repeat(1 << 10);
  const pieces = 1 << 13;
  let searched = 0;
  const split = String.prototype.split;
  const counting = vi.spyOn(String.prototype, 'split').mockImplementation(function (this: string, ...given) {
    searched += this.length;
    return split.apply(this, given as never);
  });
  const lines: number[] = [];
  for await (const line of linesOf(Readable.from([...Array(pieces).fill(text), '\r\n', 'y']))) lines.push(line.length);
  counting.mockRestore();
  expect(lines).toEqual([pieces * text.length, 1]);
  expect(searched).toBeLessThan(2 * pieces * text.length);
});
