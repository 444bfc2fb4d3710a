import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import {
  createExclusive,
  publishFile,
  readJson,
  readJsonIfThere,
  sha256File,
  writeFileAtomic,
} from '../../store/index.ts';
import { aFolder, put } from './support.ts';

const links = vi.hoisted(() => ({ refuse: false, refused: 0 }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const link: typeof real.link = async (from, to) => {
    if (links.refuse) {
      links.refused += 1;
      throw Object.assign(new Error('no links here'), { code: 'EPERM' });
    }
    await real.link(from, to);
  };
  return { ...real, link };
});

test('a file is replaced as a whole, missing folders are created, and nothing else remains', async () => {
  const folder = aFolder();
  const path = join(folder, 'a/b/file.json');
  await writeFileAtomic(path, 'old');
  await writeFileAtomic(path, 'new');
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(readdirSync(join(folder, 'a/b'))).toEqual(['file.json']);
});

test('a reader never sees a partial file while others write it', async () => {
  const path = join(aFolder(), 'file');
  const versions = ['a', 'b'].map((letter) => letter.repeat(100_000));
  await writeFileAtomic(path, versions[0]!);
  const writing = Promise.all(
    versions.flatMap((version) => Array.from({ length: 10 }, () => writeFileAtomic(path, version))),
  );
  for (let looks = 0; looks < 50; looks += 1) expect(versions).toContain(readFileSync(path, 'utf8'));
  await writing;
});

test('a write that fails leaves no temporary file behind', async () => {
  const folder = aFolder();
  put(folder, 'taken/inside', '');
  await expect(writeFileAtomic(join(folder, 'taken'), 'x')).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(readdirSync(folder)).toEqual(['taken']);
});

test.for([
  { name: 'with links', refuse: false },
  { name: 'without links', refuse: true },
])('exactly one of several concurrent creators of a file wins, $name', async ({ refuse }) => {
  links.refuse = refuse;
  const folder = aFolder();
  const path = join(folder, 'claims/00000.json');
  const won = await Promise.all(Array.from({ length: 20 }, (_, index) => createExclusive(path, `${index}`)));
  links.refuse = false;
  expect(won.filter(Boolean)).toHaveLength(1);
  expect(readFileSync(path, 'utf8')).toBe(`${won.indexOf(true)}`);
  expect(readdirSync(join(folder, 'claims'))).toEqual(['00000.json']);
});

describe('a published file', () => {
  const passes = async () => {};
  const says = (text: string) => (file: { writeFile(text: string): Promise<void> }) => file.writeFile(text);

  test.for([
    { name: 'with links', refuse: false },
    { name: 'without links', refuse: true },
  ])('is complete, and exists only after the fence has passed, $name', async ({ refuse }) => {
    const path = join(aFolder(), 'data/trees.jsonl');
    links.refuse = refuse;
    await publishFile(path, says('trees'), async () => expect(existsSync(path)).toBe(false));
    links.refuse = false;
    expect(readFileSync(path, 'utf8')).toBe('trees');
    expect(readdirSync(join(path, '..'))).toEqual(['trees.jsonl']);
  });

  test('is not created if the fence rejects, and nothing else remains', async () => {
    const folder = aFolder();
    const fence = () => Promise.reject(new Error('a later attempt has begun'));
    await expect(publishFile(join(folder, 'trees.jsonl'), says('trees'), fence)).rejects.toThrow('a later attempt');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('replaces the file of an earlier attempt', async () => {
    const path = join(aFolder(), 'trees.jsonl');
    writeFileSync(path, 'older');
    await publishFile(path, says('newer'), passes);
    expect(readFileSync(path, 'utf8')).toBe('newer');
  });

  test('is not replaced by a file with equal content', async () => {
    const path = join(aFolder(), 'trees.jsonl');
    writeFileSync(path, 'trees');
    const { ino, mtimeNs } = statSync(path, { bigint: true });
    await publishFile(path, says('trees'), passes);
    expect(statSync(path, { bigint: true })).toMatchObject({ ino, mtimeNs });
  });

  test('does not replace the file of a later attempt that was written after the first check of the fence', async () => {
    const path = join(aFolder(), 'trees.jsonl');
    let asked = 0;
    const fence = async () => {
      asked += 1;
      if (asked === 1) writeFileSync(path, 'of the later attempt');
      else throw new Error('a later attempt has begun');
    };
    await expect(publishFile(path, says('of a zombie'), fence)).rejects.toThrow('a later attempt');
    expect(readFileSync(path, 'utf8')).toBe('of the later attempt');
    expect(readdirSync(join(path, '..'))).toEqual(['trees.jsonl']);
  });
});

test('the error for a file that does not parse names the file, the field, what was expected and what came', async () => {
  const folder = aFolder();
  const schema = z.object({ step: z.int() });
  put(folder, 'wrong.json', '{"step":"nine"}');
  put(folder, 'torn.json', '{"step":');
  await expect(readJson(join(folder, 'wrong.json'), schema)).rejects.toThrow(
    /wrong\.json is not valid:\n {2}step: expected .*"nine"/,
  );
  await expect(readJson(join(folder, 'torn.json'), schema)).rejects.toThrow(
    /torn\.json is not valid:\n.*expected JSON/,
  );
});

test('a missing file is null for readJsonIfThere, and an error for readJson', async () => {
  const path = join(aFolder(), 'none/at/all.json');
  expect(await readJsonIfThere(path, z.json())).toBeNull();
  await expect(readJson(path, z.json())).rejects.toThrow('ENOENT');
});

test('sha256File computes the sha256 of a file', async () => {
  const folder = aFolder();
  const { sha256 } = put(folder, 'file', 'abc');
  expect(sha256).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(await sha256File(join(folder, 'file'))).toBe(sha256);
});
