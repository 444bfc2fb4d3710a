import { appendFile, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { journalFile, openJournal, readEntries } from '../../stages/io/journal.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const Entry = z.object({ id: z.string(), value: z.number() });
const entry = (value: number) => ({ id: `problem ${value}, "ünïcode"\n`, value });

/**
 * Opens the journal of an attempt, appends to it and closes it. Returns the entries found on opening, and the warnings.
 */
async function visit(dir: string, attempt: number, values: readonly number[] = []) {
  const warnings: Record<string, unknown>[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => void warnings.push(JSON.parse(line)) });
  const journal = await openJournal({ dir, part: 0, attempt, log }, Entry);
  for (const value of values) journal.append(entry(value));
  await journal.close();
  return { found: journal.entries.map(({ value }) => value), warnings };
}

const fileOf = (dir: string, attempt: number) => join(dir, 'journal', journalFile(0, attempt));

test('entries are read in the order in which they were appended', async () => {
  const dir = await temporaryFolder();
  await visit(dir, 0, [1, 2, 3]);
  expect((await visit(dir, 1)).found).toEqual([1, 2, 3]);
});

test('an attempt reads the earlier attempts in order, and then its own entries', async () => {
  const dir = await temporaryFolder();
  await visit(dir, 0, [1, 2]);
  await visit(dir, 2, [3]);
  await visit(dir, 10, [4]);
  expect((await visit(dir, 10, [5])).found).toEqual([1, 2, 3, 4]);
  expect((await visit(dir, 11)).found).toEqual([1, 2, 3, 4, 5]);
});

test('entries of a later attempt are not read', async () => {
  const dir = await temporaryFolder();
  await visit(dir, 3, [1]);
  expect((await visit(dir, 2)).found).toEqual([]);
});

test('a replaced attempt writes only to its own file', async () => {
  const dir = await temporaryFolder();
  const log = pino({ level: 'silent' });
  const zombie = await openJournal({ dir, part: 0, attempt: 0, log }, Entry);
  zombie.append(entry(1));
  await zombie.flush();
  const next = await openJournal({ dir, part: 0, attempt: 1, log }, Entry);
  zombie.append(entry(2));
  next.append(entry(3));
  await Promise.all([zombie.close(), next.close()]);
  expect((await visit(dir, 1)).found).toEqual([1, 2, 3]);
});

test('a torn last line is dropped, cut off from the own file, and logged', async () => {
  const dir = await temporaryFolder();
  await visit(dir, 0, [1, 2]);
  const whole = await readFile(fileOf(dir, 0));
  await appendFile(fileOf(dir, 0), whole.subarray(0, 20));
  const { found, warnings } = await visit(dir, 0, [3]);
  expect(found).toEqual([1, 2]);
  expect(warnings).toMatchObject([{ kept: 2, droppedLines: 1, atByte: whole.length }]);
  expect((await visit(dir, 1)).found).toEqual([1, 2, 3]);
});

test('lines after a damaged one are dropped and counted', async () => {
  const dir = await temporaryFolder();
  await visit(dir, 0, [1, 2, 3, 4]);
  const text = await readFile(fileOf(dir, 0), 'utf8');
  await writeFile(fileOf(dir, 0), text.replace('"value":2', '"value":9'));
  const { found, warnings } = await visit(dir, 1);
  expect(found).toEqual([1]);
  expect(warnings).toMatchObject([{ kept: 1, droppedLines: 3 }]);
});

test('a failed write is thrown by the next append and by flush', async () => {
  const dir = await temporaryFolder();
  const journal = await openJournal({ dir, part: 0, attempt: 0, log: pino({ level: 'silent' }) }, Entry);
  await journal.close();
  journal.append(entry(1));
  await expect(journal.flush()).rejects.toThrow();
  expect(() => journal.append(entry(2))).toThrow();
});

describe('a damaged file', () => {
  test('that is cut at any byte gives the whole entries before the cut', async () => {
    const dir = await temporaryFolder();
    await visit(dir, 0, [1, 2, 3]);
    const content = await readFile(fileOf(dir, 0));
    for (let bytes = 0; bytes <= content.length; bytes += 1) {
      const read = readEntries(content.subarray(0, bytes), Entry);
      const lines = content.subarray(0, bytes).filter((byte) => byte === 10).length;
      expect(read.entries.map(({ value }) => value)).toEqual([1, 2, 3].slice(0, lines));
      expect(read.bytes + (read.dropped > 0 ? 1 : 0)).toBeLessThanOrEqual(bytes);
    }
    await truncate(fileOf(dir, 0), 0);
    expect((await visit(dir, 0)).found).toEqual([]);
  });

  test('of arbitrary bytes is read without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (content) => {
        const { entries, dropped } = readEntries(content, Entry);
        expect(entries).toEqual([]);
        expect(dropped > 0).toBe(content.length > 0);
      }),
    );
  });
});
