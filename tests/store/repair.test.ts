import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Manifest, ManifestRef, StageFile } from '../../spec/index.ts';
import { inputFiles } from '../../stages/io/inputs.ts';
import { StageExit } from '../../stages/runtime/exits.ts';
import {
  inputForKey,
  OtherResultError,
  referTo,
  repairInput,
  sealStage,
  stageDir,
  withChecksum,
  writeStageFile,
} from '../../store/index.ts';
import { aFolder, aStage, publish } from './support.ts';

/** A finished stage, a reference to it, and the text of its manifest. */
async function aFinishedStage() {
  const store = aFolder();
  const dir = stageDir(store, aStage().key);
  await writeStageFile(store, aStage());
  for (const part of [0, 1]) await publish(dir, part);
  const input = referTo(await sealStage(store, aStage(), 2, 0));
  const path = join(dir, 'manifest.json');
  return { store, input, path, text: readFileSync(path, 'utf8') };
}

/** The same outputs, made at another time. */
function madeAgain(path: string): ManifestRef {
  const { checksum: _, ...manifest } = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  const again = withChecksum({ ...manifest, attempt: 4, finishedAt: '2026-01-02T00:00:00.000Z' });
  writeFileSync(path, JSON.stringify(again));
  return referTo(again);
}

const reader = (input: ManifestRef): StageFile =>
  aStage({ kind: 'rewrite', name: 'rewrite', config: {}, inputs: { trees: input } });

const exitOf = (read: () => unknown): string => {
  try {
    read();
    return 'read';
  } catch (error) {
    if (error instanceof StageExit) return error.failure;
    throw error;
  }
};

test.each([
  ['lost', (path: string) => rmSync(path)],
  ['cut', (path: string, text: string) => writeFileSync(path, text.slice(0, 100))],
  ['changed', (path: string, text: string) => writeFileSync(path, text.replace('"problems": 21', '"problems": 22'))],
])('the manifest of an input that is %s is sealed again from its parts, to the byte', async (_, harm) => {
  const { store, input, path, text } = await aFinishedStage();
  harm(path, text);
  await repairInput(store, input, () => {});
  expect(readFileSync(path, 'utf8')).toBe(text);
});

test('many callers can repair a damaged manifest at once, and all succeed', async () => {
  const { store, input, path, text } = await aFinishedStage();
  for (let round = 0; round < 20; round += 1) {
    writeFileSync(path, text.slice(0, 100));
    await Promise.all(Array.from({ length: 4 }, () => repairInput(store, input, () => {})));
    expect(readFileSync(path, 'utf8')).toBe(text);
  }
});

test('an input whose manifest and parts are lost is refused', async () => {
  const { store, input, path } = await aFinishedStage();
  rmSync(path);
  rmSync(join(path, '..', 'parts'), { recursive: true });
  await expect(repairInput(store, input, () => {})).rejects.toThrow(/its manifest is missing/);
});

test('an input that was made again with equal outputs is the same input for every stage but the analysis', async () => {
  const { store, input, path } = await aFinishedStage();
  const again = madeAgain(path);
  expect({ ...again, checksum: input.checksum }).toEqual(input);
  await repairInput(store, inputForKey('rewrite', input), () => {});
  expect(inputFiles(store, reader(input), 'trees', 'trees.jsonl')).toHaveLength(2);
  await expect(repairInput(store, inputForKey('analyse', input), () => {})).rejects.toThrow(OtherResultError);
});

test('a program retries when the manifest of an input is damaged, and refuses a manifest of other outputs', async () => {
  const { store, input, path, text } = await aFinishedStage();
  const read = (ref: ManifestRef) => exitOf(() => inputFiles(store, reader(ref), 'trees', 'trees.jsonl'));
  expect(read(input)).toBe('read');
  expect(read({ ...input, digest: 'f'.repeat(64) })).toBe('InvalidInput');
  writeFileSync(path, text.slice(0, 100));
  expect(read(input)).toBe('DependencyDown');
  rmSync(path);
  expect(read(input)).toBe('DependencyDown');
});
