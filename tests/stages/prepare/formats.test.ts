import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { openFile } from '../../../inputs/index.ts';
import { LARGEST_RECORD, type RawRecord } from '../../../stages/prepare/formats/raw.ts';
import { type Format, formatOf, readRecords } from '../../../stages/prepare/formats/records.ts';
import { PYTHON } from '../../support/stage-process.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

async function aFile(format: Format, content: string | Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(), `set.${format}`);
  await writeFile(path, content);
  return path;
}
async function read(format: Format, path: string, columns = ['problem', 'answer']): Promise<RawRecord[]> {
  const records: RawRecord[] = [];
  await using file = await openFile(path, 2 ** 40);
  for await (const record of readRecords(file, format, columns)) records.push(record);
  return records;
}
const readText = async (format: Format, content: string) => await read(format, await aFile(format, content));

describe('a format', () => {
  test('is found from the extension of a path or an address', () => {
    const of = (path: string) => formatOf({ path, format: undefined });
    expect(['a.jsonl', 'a.ndjson', 'a.JSON', 'https://h/a.csv?raw=true', 'a/b.parquet'].map(of)).toEqual([
      ...['jsonl', 'jsonl', 'json', 'csv', 'parquet'],
    ]);
    expect(() => of('a.txt')).toThrow(/a.txt: expected the extension .jsonl, .json, .csv or .parquet, or its format/);
  });
});

test.each<[Format, string]>([
  ['jsonl', '\ufeff{"problem":"a","answer":"1"}\r\n'],
  ['json', '\ufeff[{"problem":"a","answer":"1"}]'],
  ['csv', '\ufeffproblem,answer\r\na,1\r\n'],
])('a byte order mark before %s is skipped', async (format, text) => {
  expect((await readText(format, text)).map(({ value }) => value)).toEqual([{ problem: 'a', answer: '1' }]);
});

test('a file with a line longer than any record is refused before all of it is in memory', async () => {
  const path = await aFile('jsonl', `{"problem":"${'x'.repeat(LARGEST_RECORD)}`);
  await expect(read('jsonl', path)).rejects.toMatchObject({
    failure: 'InvalidInput',
    message: expect.stringMatching(/set.jsonl:1: expected a line of at most 67108864/),
  });
}, 30_000);

describe('JSON', () => {
  test.each(['[{"problem":"a"},3]', '{"data":[{"problem":"a"},3],"version":1}'])('%s is two records', async (text) => {
    expect(await readText('json', text)).toEqual([
      { at: 'record 1', value: { problem: 'a' } },
      { at: 'record 2', value: 3 },
    ]);
  });
  test.each([
    ['[{"problem":"a"},\n{"problem"}]', /set.json:2: expected JSON, but/],
    ['[{"problem":"a"},\n', /set.json:2: expected JSON, but/],
    ['{"rows":[]}', /set.json:1: expected a list of records, or an object that holds one as "data"/],
  ])('%j is refused with its line', async (text, message) => {
    await expect(readText('json', text)).rejects.toMatchObject({
      failure: 'InvalidInput',
      message: expect.stringMatching(message),
    });
  });
});

describe('CSV', () => {
  test('names its cells by the first line; quotes may enclose commas, quotes and line breaks', async () => {
    const text = '\uFEFFproblem,answer\r\n"What is 1,\n""one""?",1\r\n\r\nWhat is 2?,2\r\n';
    expect(await readText('csv', text)).toEqual([
      { at: 'line 3', value: { problem: 'What is 1,\n"one"?', answer: '1' } },
      { at: 'line 5', value: { problem: 'What is 2?', answer: '2' } },
    ]);
  });
  test('returns a record with too many or too few cells without names', async () => {
    expect(await readText('csv', 'problem,answer\nwhat, ever,1\nonly\np,1\n')).toEqual([
      { at: 'line 2', value: ['what', ' ever', '1'] },
      { at: 'line 3', value: ['only'] },
      { at: 'line 4', value: { problem: 'p', answer: '1' } },
    ]);
  });
  test('with an open quote is refused with its line', async () => {
    await expect(readText('csv', 'problem,answer\np,1\n"never,2\nclosed')).rejects.toMatchObject({
      failure: 'InvalidInput',
      message: expect.stringMatching(/set.csv:\d: expected CSV, but Quote Not Closed/),
    });
  });
});

describe('Parquet', () => {
  /** Written by pyarrow: two row groups, nested lists, 64-bit numbers; one file for every compression. */
  const WRITE = `
import sys, pyarrow as pa, pyarrow.parquet as pq
rows = [{"problem": f"p{n}", "answer": n, "solution": "long", "messages": [{"content": f"m{n}", "role": "user"}]} for n in range(3)]
for compression in sys.argv[2:]:
    pq.write_table(pa.Table.from_pylist(rows), f"{sys.argv[1]}/{compression}.parquet", compression=compression, row_group_size=2)`;

  test('is read group by group, only the requested columns, with every compression', async () => {
    const folder = await temporaryFolder();
    const compressions = ['none', 'snappy', 'zstd', 'gzip', 'brotli'];
    await execa(PYTHON, ['-c', WRITE, folder, ...compressions]);
    for (const compression of compressions) {
      const path = join(folder, `${compression}.parquet`);
      const records = await read('parquet', path, ['problem', 'answer', 'messages.0.content', 'messages']);
      expect(records.map(({ at }) => at)).toEqual(['row 1', 'row 2', 'row 3']);
      expect(records[2]?.value).toEqual({ problem: 'p2', answer: 2n, messages: [{ content: 'm2', role: 'user' }] });
    }
  });
  test('of another format is refused', async () => {
    await expect(read('parquet', await aFile('parquet', 'PAR1 or not'))).rejects.toMatchObject({
      failure: 'InvalidInput',
      message: expect.stringMatching(/set.parquet: expected a Parquet file, but/),
    });
  });
});
