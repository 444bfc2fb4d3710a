import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cutJournal, damageNewestCheckpoint, latestAttempt } from '../../soak/damage.ts';
import { seededRandom } from '../../soak/random.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

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

test('a journal is cut at some byte before its end', async () => {
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
