import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  cutJournal,
  damageNewestCheckpoint,
  finishedStages,
  latestAttempt,
  readersOf,
  swapManifest,
} from '../../../dev/soak/damage.ts';
import { seededRandom } from '../../../dev/soak/random.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const KEY = 'k';
const CONTENT = 'what a trainer saved';

async function storeWithCheckpoints(): Promise<{ store: string; newest: string; older: string }> {
  const store = await temporaryFolder();
  const [older = '', newest = ''] = ['step-00000003', 'step-00000006'].map((name) => {
    const place = join(store, 'stages', KEY, 'checkpoints', name);
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'model.safetensors'), CONTENT);
    writeFileSync(join(place, 'complete.json'), '{"step":1}');
    return place;
  });
  return { store, newest, older };
}
const contentsOf = (place: string): string =>
  readdirSync(place)
    .toSorted()
    .map((name) => `${name} ${readFileSync(join(place, name), 'latin1')}`)
    .join('\n');

test('the newest checkpoint is damaged in one of four ways, and no other is touched', async () => {
  const ways = new Set<string>();
  for (let seed = 0; seed < 40; seed += 1) {
    const { store, newest, older } = await storeWithCheckpoints();
    const [before, untouched] = [contentsOf(newest), contentsOf(older)];
    const how = await damageNewestCheckpoint(store, KEY, seededRandom(seed));
    expect(contentsOf(newest)).not.toBe(before);
    expect(contentsOf(older)).toBe(untouched);
    ways.add(/cut|flipped|removed|torn/.exec(how ?? '')?.[0] ?? `${how}`);
  }
  expect(ways).toEqual(new Set(['cut', 'flipped', 'removed', 'torn']));
});

test('without a checkpoint nothing is damaged', async () => {
  expect(await damageNewestCheckpoint(await temporaryFolder(), KEY, seededRandom(1))).toBeNull();
});

test('a journal is truncated at a byte before its end', async () => {
  const store = await temporaryFolder();
  const folder = join(store, 'stages', KEY, 'journal');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, '00001-attempt-2.jsonl');
  writeFileSync(path, 'x'.repeat(5000));
  const said = await cutJournal(store, { key: KEY, attempt: 2, part: 1 }, seededRandom(3));
  const { size } = statSync(path);
  expect(size).toBeLessThan(5000);
  expect(size).toBeGreaterThanOrEqual(5000 - 2048);
  expect(said).toContain(`to ${size} bytes`);
  expect(await cutJournal(store, { key: KEY, attempt: 3, part: 1 }, seededRandom(3))).toBeNull();
});

test('the latest attempt is the highest claim', async () => {
  const store = await temporaryFolder();
  expect(await latestAttempt(store, KEY)).toBe(-1);
  const claims = join(store, 'stages', KEY, 'claims');
  mkdirSync(claims, { recursive: true });
  for (const name of ['00000.json', '00010.json', '00002.json', '.00011.json.tmp'])
    writeFileSync(join(claims, name), '{}');
  expect(await latestAttempt(store, KEY)).toBe(10);
});

test('the manifest of a finished stage is swapped in one of three ways, and its restoration is detected', async () => {
  const store = await temporaryFolder();
  const put = (key: string, name: string, content: object) => {
    mkdirSync(join(store, 'stages', key), { recursive: true });
    writeFileSync(join(store, 'stages', key, name), JSON.stringify(content));
  };
  const manifest = (key: string) => ({ key, counts: { solved: 240 }, checksum: key });
  for (const key of ['a', 'b']) put(key, 'manifest.json', manifest(key));
  put('c', 'stage.json', { inputs: { trees: { key: 'a' } } });
  put('d', 'stage.json', { inputs: {} });
  expect(await finishedStages(store)).toEqual(['a', 'b']);
  expect(await readersOf(store, 'a')).toEqual(['c']);
  const ways = new Set<string>();
  for (let seed = 0; seed < 20; seed += 1) {
    const swap = await swapManifest(store, 'a', ['b'], seededRandom(seed));
    expect(readFileSync(join(store, 'stages', 'a', 'manifest.json'), 'utf8')).not.toBe(JSON.stringify(manifest('a')));
    expect(await swap?.isMended()).toBe(false);
    put('a', 'manifest.json', manifest('a'));
    expect(await swap?.isMended()).toBe(true);
    ways.add(/counts|cut|that of/.exec(swap?.what ?? '')?.[0] ?? '');
  }
  expect(ways).toEqual(new Set(['counts', 'cut', 'that of']));
});
