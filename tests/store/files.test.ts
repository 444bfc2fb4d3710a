import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { createExclusive, readJson, readJsonIfThere, sha256File, writeFileAtomic } from '../../store/index.ts';
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

test('a file is replaced as a whole, in a folder that is made for it, and leaves nothing beside it', async () => {
  const folder = aFolder();
  const path = join(folder, 'a/b/file.json');
  await writeFileAtomic(path, 'old');
  await writeFileAtomic(path, 'new');
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(readdirSync(join(folder, 'a/b'))).toEqual(['file.json']);
});

test('a reader never sees a torn file while others write it', async () => {
  const path = join(aFolder(), 'file');
  const versions = ['a', 'b'].map((letter) => letter.repeat(100_000));
  await writeFileAtomic(path, versions[0]!);
  const writing = Promise.all(
    versions.flatMap((version) => Array.from({ length: 10 }, () => writeFileAtomic(path, version))),
  );
  for (let looks = 0; looks < 50; looks += 1) expect(versions).toContain(readFileSync(path, 'utf8'));
  await writing;
});

test('a write that cannot replace leaves nothing beside its target', async () => {
  const folder = aFolder();
  put(folder, 'taken/inside', '');
  await expect(writeFileAtomic(join(folder, 'taken'), 'x')).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/);
  expect(readdirSync(folder)).toEqual(['taken']);
});

test.for([
  { name: 'with links', refuse: false },
  { name: 'without links', refuse: true },
])('of many that create a file at the same time one wins, $name', async ({ refuse }) => {
  links.refuse = refuse;
  const folder = aFolder();
  const path = join(folder, 'claims/00000.json');
  const won = await Promise.all(Array.from({ length: 20 }, (_, index) => createExclusive(path, `${index}`)));
  links.refuse = false;
  expect(won.filter(Boolean)).toHaveLength(1);
  expect(readFileSync(path, 'utf8')).toBe(`${won.indexOf(true)}`);
  expect(readdirSync(join(folder, 'claims'))).toEqual(['00000.json']);
});

test('a file that does not parse is refused by its name, field, what was expected and what came', async () => {
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

test('a file that is not there is null to those who ask so, and an error to others', async () => {
  const path = join(aFolder(), 'none/at/all.json');
  expect(await readJsonIfThere(path, z.json())).toBeNull();
  await expect(readJson(path, z.json())).rejects.toThrow('ENOENT');
});

test('the hash of a file is its sha256', async () => {
  const folder = aFolder();
  const { sha256 } = put(folder, 'file', 'abc');
  expect(sha256).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(await sha256File(join(folder, 'file'))).toBe(sha256);
});
