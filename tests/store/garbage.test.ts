import { mkdirSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { claimAfter, findTemporaries, scanStore, stageDir, writeFileAtomic } from '../../store/index.ts';
import { aFolder, put } from './support.ts';

const HOUR_MS = 3_600_000;
const KEY = 'a'.repeat(64);
afterEach(() => void vi.useRealTimers());

/** Makes a file of the given age. */
function aged(folder: string, path: string, hours: number): string {
  put(folder, path, 'x');
  const then = new Date(Date.now() - hours * HOUR_MS);
  utimesSync(join(folder, path), then, then);
  return join(folder, path);
}

test('a scan finds the temporary files of both languages, with age and writer, and no other files', async () => {
  const store = aFolder();
  const stage = stageDir(store, KEY);
  const ours = aged(stage, 'parts/.00000.json.4711-0a1b2c3d.tmp', 2);
  const pythons = aged(stage, 'progress/.00000.json.815', 3);
  const deep = aged(stage, 'logs/attempt-0/diagnosis/.a.txt.12-0a1b2c3d.tmp', 0);
  const report = aged(store, 'campaigns/demo/.spec.json.13-0a1b2c3d.tmp', 0);
  for (const path of ['manifest.json', 'parts/00000.json', 'journal/00000-attempt-0.jsonl', 'data/trees-00000.jsonl']) {
    aged(stage, path, 9);
  }
  aged(stage, 'checkpoints/step-00000050-attempt-0/.model.safetensors.5', 9); // within a complete checkpoint
  const { temporaries } = await scanStore(store);
  const found = new Map(temporaries.map((one) => [one.path, one]));
  expect([...found.keys()].toSorted()).toEqual([ours, pythons, deep, report].toSorted());
  expect(found.get(ours)?.writer).toBe(4711);
  expect(found.get(pythons)?.writer).toBe(815);
  expect(Math.round((found.get(ours)?.ageMs ?? 0) / HOUR_MS)).toBe(2);
});

test('ages follow the clock of the file system, whatever the clock of this process', async () => {
  const store = aFolder();
  put(store, 'campaigns/.spec.json.1-0a1b2c3d.tmp', 'x');
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 5 * HOUR_MS });
  const { temporaries } = await scanStore(store);
  expect(temporaries[0]?.ageMs).toBeLessThan(HOUR_MS);
  expect(readdirSync(store)).toEqual(['campaigns']); // the scan itself leaves nothing behind
});

test('the scan of a stage reports whether it is finished, its claim and its scratch folders', async () => {
  const store = aFolder();
  const stage = stageDir(store, KEY);
  await claimAfter(stage, null, 'demo/rl', 'run/0');
  for (const path of [
    'checkpoints/.attempt-0',
    'data/.policy.0',
    'data/.policy.old.99',
    'data/policy',
    'checkpoints/step-1',
  ]) {
    mkdirSync(join(stage, path), { recursive: true });
  }
  const scan = async () => (await scanStore(store)).stages[0];
  const found = await scan();
  expect(found).toMatchObject({ dir: stage, key: KEY, isFinished: false, claim: { attempt: 0, owner: 'demo/rl' } });
  expect(found?.scratch.map(({ path, attempt }) => [path.slice(stage.length), attempt]).toSorted()).toEqual([
    ['/checkpoints/.attempt-0', 0],
    ['/data/.policy.0', 0],
    ['/data/.policy.old.99', null],
  ]);
  await writeFileAtomic(join(stage, 'manifest.json'), '{}');
  expect((await scan())?.isFinished).toBe(true);
});

test('a stage whose claim does not parse is skipped, and the others are scanned', async () => {
  const store = aFolder();
  await claimAfter(stageDir(store, 'b'.repeat(64)), null, 'demo/rl', 'run/0');
  put(stageDir(store, KEY), 'claims/00000.json', '{"attempt":0}');
  expect((await scanStore(store)).stages.map(({ key }) => key)).toEqual(['b'.repeat(64)]);
});

test('a new store and a missing folder are empty', async () => {
  const folder = aFolder();
  expect(await scanStore(join(folder, 'store'))).toEqual({ temporaries: [], stages: [] });
  expect(await findTemporaries(join(folder, 'jobs'), 1)).toEqual([]);
});
