import { execFileSync } from 'node:child_process';
import { mkdir, open, readdir, rename, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { dataFileDigests, inputComplaints, openFile } from '../../inputs/index.ts';
import { Data } from '../../spec/index.ts';
import { sha256 } from '../../store/index.ts';
import { rulesFor } from '../support/input-rules.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Built without the schema of the spec, which has its own limits. */
const dataOf = (paths: readonly string[], more: object = {}): Data => {
  const file = (path: string) => ({ name: 'set', path, layout: 'plain', fields: {} }) as const;
  const search = paths.map((path) => ({ ...file(path), ...more }));
  return { type: 'files', search, curriculum: [], benchmarks: [file(paths[0] as string)], heldBack: 0 };
};

/** An old time, so that the digest of the file is cached. */
const settle = (path: string) => utimes(path, 1e9, 1e9);

test('every problem file has one digest of its content, and generated problems have none', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'a.jsonl'), '{}\n');
  const digest = sha256('{}\n');
  const found = await dataFileDigests(
    dataOf(['a.jsonl', join(folder, 'a.jsonl')]),
    rulesFor([folder], { project: folder }),
  );
  expect(found).toEqual({ 'a.jsonl': digest, [join(folder, 'a.jsonl')]: digest });
  const generated = { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 } as const;
  expect(await dataFileDigests(generated, rulesFor([]))).toBeUndefined();
});

test('seven thousand files are read with few descriptors', { timeout: 120_000 }, async () => {
  const folder = await temporaryFolder();
  const paths = Array.from({ length: 7000 }, (_, index) => `${index}.jsonl`);
  for (const path of paths) await writeFile(join(folder, path), path);
  const openNow = async () => (await readdir('/proc/self/fd')).length;
  const before = await openNow();
  let most = 0;
  const watching = setInterval(() => void openNow().then((count) => (most = Math.max(most, count))), 20);
  const rules = rulesFor([folder], { project: folder });
  expect(await inputComplaints(dataOf(paths), rules)).toEqual([]);
  const found = await dataFileDigests(dataOf(paths), rules);
  clearInterval(watching);
  expect(Object.keys(found ?? {})).toHaveLength(7000);
  expect(found?.['6999.jsonl']).toBe(sha256('6999.jsonl'));
  expect(most).toBeLessThan(before + 20);
});

test('the message for thousands of refused files is short', async () => {
  const paths = Array.from({ length: 3000 }, (_, index) => `/none/${index}.jsonl`);
  const complaints = await inputComplaints(dataOf(paths), rulesFor(['/some']));
  expect(complaints).toHaveLength(21);
  expect(complaints.at(-1)).toEqual({ field: 'data', message: '2981 more files are refused' });
});

test('only a file that has changed is read again', async () => {
  const folder = await temporaryFolder();
  const path = join(folder, 'a.jsonl');
  await writeFile(path, 'one');
  await settle(path);
  const rules = rulesFor([folder]);
  const digest = async () => (await dataFileDigests(dataOf([path]), rules))?.[path];
  expect(await digest()).toBe(sha256('one'));
  const reads = vi.spyOn(Object.getPrototypeOf(await handleOf(path)), 'createReadStream');
  expect(await digest()).toBe(sha256('one'));
  expect(reads).not.toHaveBeenCalled();

  // With equal size and mtime, only the ctime shows the change.
  await writeFile(path, 'two');
  await settle(path);
  expect(await digest()).toBe(sha256('two'));
  // Another file with the same name.
  await writeFile(join(folder, 'b'), 'six');
  await rename(join(folder, 'b'), path);
  expect(await digest()).toBe(sha256('six'));
  expect(reads).toHaveBeenCalledTimes(2);
  reads.mockRestore();
});

async function handleOf(path: string) {
  await using file = await open(path);
  return file;
}

test('a file that does not match its sha256 is refused, with its actual sha256', async () => {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'a'), 'one');
  const looking = dataFileDigests(dataOf([join(folder, 'a')], { sha256: 'f'.repeat(64) }), rulesFor([folder]));
  await expect(looking).rejects.toMatchObject({
    complaints: [
      {
        field: 'data.search.0.path',
        message: expect.stringMatching(/^expected sha256 f{64} according to the campaign, but it is/),
      },
    ],
  });
});

test('the sha256 of an address is that of the campaign, and its host must be allowed', async () => {
  const data = (address: string) =>
    Data.parse({
      type: 'files',
      search: [{ name: 'a', path: address, sha256: 'f'.repeat(64) }],
      benchmarks: [{ name: 'b', path: address, sha256: 'f'.repeat(64) }],
    });
  const address = 'https://example.org/a.jsonl';
  expect(await dataFileDigests(data(address), rulesFor([]))).toEqual({ [address]: 'f'.repeat(64) });
  expect(await inputComplaints(data('https://10.0.0.1/a'), rulesFor([]))).toMatchObject([
    { field: 'data.search.0.path', message: expect.stringMatching(/private address/) },
    { field: 'data.benchmarks.0.path' },
  ]);
});

test('reading a huge file stops when the activity is cancelled, and FIFOs beside it block nothing', async () => {
  const folder = await temporaryFolder();
  const [huge, ...pipes] = ['huge', 'p1', 'p2', 'p3', 'p4'].map((name) => join(folder, name)) as [string, ...string[]];
  await writeFile(huge, '');
  await truncate(huge, 2 ** 35);
  execFileSync('mkfifo', pipes);
  const cancel = new AbortController();
  const looking = dataFileDigests(dataOf([huge, ...pipes]), rulesFor([folder]), cancel.signal);
  await sleep(200);
  cancel.abort(new Error('cancelled'));
  await expect(looking).rejects.toThrow('cancelled');
  // The file threads are free again.
  await mkdir(join(folder, 'after'));
  await using after = await openFile(huge, 2 ** 40);
  expect(after.stat.size).toBe(2n ** 35n);
});
