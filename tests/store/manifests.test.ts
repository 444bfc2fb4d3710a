import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { type Progress, progressOfAll } from '../../spec/index.ts';
import {
  CorruptFileError,
  manifestPath,
  outputDigest,
  readManifest,
  readPartsProgress,
  readStageFile,
  sealStage,
  stageDir,
  verifyFile,
  writeStageFile,
} from '../../store/index.ts';
import { aProgress } from '../support/builders.ts';
import { aFolder, aStage, publish, put } from './support.ts';

const readProgress = async (stage: string, parts: number, attempt: number) =>
  progressOfAll(await readPartsProgress(stage, parts, attempt));

describe('sealing', () => {
  it('composes the manifest from its parts, with counts summed', async () => {
    const store = aFolder();
    const stage = stageDir(store, aStage().key);
    const files = [await publish(stage, 0), await publish(stage, 1)];
    const manifest = await sealStage(store, aStage(), 2, 3);
    expect(manifest).toMatchObject({ kind: 'search', attempt: 0, parts: 2, counts: { problems: 21 }, files });
    expect(manifest.digest).toBe(outputDigest('search', files, { problems: 21 }));
    expect(readManifest(stage)).toEqual(JSON.parse(JSON.stringify(manifest)));
  });

  it('needs every part, and names the missing ones', async () => {
    const store = aFolder();
    const stage = stageDir(store, aStage().key);
    await publish(stage, 1);
    await expect(sealStage(store, aStage(), 3, 0)).rejects.toThrow(/lacks 2 of 3 parts: 0, 2$/);
    expect(existsSync(manifestPath(stage))).toBe(false);
  });

  it('keeps the first manifest when done twice or by several at once', async () => {
    const store = aFolder();
    await publish(stageDir(store, aStage().key), 0);
    const attempts = await Promise.all([0, 1, 2].map((attempt) => sealStage(store, aStage(), 1, attempt)));
    const later = await sealStage(store, aStage(), 1, 9);
    expect(new Set(attempts.map(({ attempt }) => attempt))).toEqual(new Set([later.attempt]));
  });

  it('refuses an output that is missing or cut, or that belongs to two parts', async () => {
    const store = aFolder();
    const stage = stageDir(store, aStage().key);
    const file = await publish(stage, 0);
    put(stage, file.path, 'cut');
    await expect(sealStage(store, aStage(), 1, 0)).rejects.toThrow(
      /trees-00000\.jsonl: expected 11 bytes, but it has 3/,
    );
    // The damaged part was set aside, so it is missing until an attempt publishes it again.
    await expect(sealStage(store, aStage(), 1, 0)).rejects.toThrow('lacks 1 of 1 parts: 0');
    await publish(stage, 0);
    rmSync(join(stage, file.path));
    await expect(sealStage(store, aStage(), 1, 0)).rejects.toThrow('it is missing');
    const shared = await publish(stage, 0);
    await publish(stage, 1, { files: [shared] });
    await expect(sealStage(store, aStage(), 2, 0)).rejects.toThrow('two parts published data/trees-00000.jsonl');
  });

  it('finds changed bytes of equal length when asked to hash', async () => {
    const store = aFolder();
    const stage = stageDir(store, aStage().key);
    const file = await publish(stage, 0);
    put(stage, file.path, '{"part":9}\n');
    await expect(sealStage(store, aStage(), 1, 0, { hash: true })).rejects.toThrow(/expected sha256 .*, but it is /);
  });
});

test('after more than one attempt, sealing compares the hashes of the outputs', async () => {
  const store = aFolder();
  const stage = stageDir(store, aStage().key);
  const file = await publish(stage, 0);
  put(stage, file.path, '{"part":9}\n'); // as if an abandoned attempt continued
  await expect(sealStage(store, aStage(), 1, 1)).rejects.toThrow(/expected sha256 .*, but it is /);
  expect(readManifest(stage)).toBeNull();
});

test('a missing manifest is null, and one that does not parse is refused', async () => {
  const stage = aFolder();
  expect(readManifest(stage)).toBeNull();
  put(stage, 'manifest.json', '{"kind":"search"}');
  expect(() => readManifest(stage)).toThrow(/manifest\.json is damaged/);
});

test('a file is verified by its hash, and must lie within the stage', async () => {
  const stage = aFolder();
  const file = put(stage, 'data/a.jsonl', 'abc');
  expect(await verifyFile(stage, file)).toBe(join(stage, 'data/a.jsonl'));
  await expect(verifyFile(stage, { ...file, sha256: 'b'.repeat(64) })).rejects.toThrow('expected sha256 bbb');
  await expect(verifyFile(stage, { ...file, path: '../a.jsonl' })).rejects.toThrow('within the folder');
});

describe('progress', () => {
  const report = (stage: string, part: number, changes: Partial<Progress> = {}): void => {
    const progress = aProgress({ attempt: 1, done: 10, total: 40, rate: 2, ...changes });
    put(stage, `progress/0000${part}.json`, JSON.stringify(progress));
  };

  it('is null before the first report', async () => {
    expect(await readProgress(aFolder(), 2, 0)).toBeNull();
  });

  it('is the sum over the pods, without a total until all pods have reported', async () => {
    const stage = aFolder();
    report(stage, 0);
    expect(await readProgress(stage, 2, 1)).toMatchObject({ done: 10, total: null, rate: 2 });
    report(stage, 1);
    expect(await readProgress(stage, 2, 1)).toMatchObject({ done: 20, total: 80, rate: 4 });
  });

  it('includes an earlier attempt only if it finished its part, and never in the rate', async () => {
    const stage = aFolder();
    report(stage, 0, { attempt: 0, done: 40 });
    report(stage, 1);
    expect(await readProgress(stage, 2, 1)).toMatchObject({ done: 10, total: null });
    await publish(stage, 0);
    expect(await readProgress(stage, 2, 1)).toMatchObject({ done: 50, total: 80, rate: 2, attempt: 1 });
  });

  it('leaves out a report that does not parse', async () => {
    const stage = aFolder();
    put(stage, 'progress/00000.json', '{');
    expect(await readProgress(stage, 1, 0)).toBeNull();
  });
});

describe('the stage file', () => {
  it('is written once, and again only when fields outside of the key have changed', async () => {
    const store = aFolder();
    const path = await writeStageFile(store, aStage());
    expect(await readStageFile(stageDir(store, aStage().key))).toEqual(aStage());
    await writeStageFile(store, aStage());
    await writeStageFile(store, aStage({ name: 'renamed' }));
    expect(await readStageFile(join(path, '..'))).toMatchObject({ name: 'renamed' });
  });

  it('is refused if its key does not match its content', async () => {
    await expect(writeStageFile(aFolder(), { ...aStage(), seed: 8 })).rejects.toThrow(
      `key: expected "${aStage({ seed: 8 }).key}", but got "${aStage().key}"`,
    );
  });

  it.each([
    { name: 'has another setting', change: (text: string) => text.replace('"seed": 7', '"seed": 5') },
    { name: 'is cut', change: (text: string) => text.slice(0, 90) },
    { name: 'is empty', change: () => '' },
  ])('that $name is damaged, and is set aside when it is written again', async ({ change }) => {
    const store = aFolder();
    const path = await writeStageFile(store, aStage());
    writeFileSync(path, change(readFileSync(path, 'utf8')));
    await expect(readStageFile(dirname(path))).rejects.toThrow(CorruptFileError);
    await writeStageFile(store, aStage());
    expect(await readStageFile(dirname(path))).toEqual(aStage());
    expect(readdirSync(dirname(path)).some((name) => name.startsWith('stage.json.rejected-'))).toBe(true);
  });
});
