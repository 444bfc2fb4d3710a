import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PROJECT } from '../../stages/runtime/python.ts';
import { canonicalJson, manifestPath, referTo, sealStage, stageDir, stageKey } from '../../store/index.ts';
import { PYTHON } from '../support/stage-process.ts';
import { aFolder, aStage, publish } from './support.ts';

/** Runs Python with the package of the trainers, and parses its output as JSON. */
const python = (code: string, input: string): unknown =>
  JSON.parse(
    execFileSync(PYTHON, ['-c', code], {
      input,
      encoding: 'utf8',
      env: { ...process.env, PYTHONPATH: join(PROJECT, 'trainers') },
    }),
  );

const NUMBERS = [
  ...[0, -0, 1, -1, 0.1, 1 / 3, 1e21, 1e20, 123456789012345680000, 1e-6, 1e-7, 1.5e-7, 5e-324, 1.7976931348623157e308],
  ...[2 ** 53, 2 ** 53 + 2, 0.000001234, 100.5, 1e16, 12345678901234568, -2.5e-9, 4.35, 1e15 + 0.5],
];

test('TypeScript and Python write the same canonical JSON, to the byte', () => {
  const values: unknown[] = [
    ...NUMBERS,
    'ä\n\u0001\u007f\u2028\ud800 \u{1f600}',
    { '\u{1f600}': 1, '\ufb33': 2, a: [], '': {} },
  ];
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue({ noUnicodeString: false }), fc.double({ noNaN: true })), (value) => {
      if (value !== Number.POSITIVE_INFINITY && value !== Number.NEGATIVE_INFINITY) values.push(value);
    }),
    { seed: 5, numRuns: 400 },
  );
  const texts = values.map((value) => JSON.stringify(value));
  const code = `
import json, sys
from orrery_trainers.store.canonical import canonical_json
print(json.dumps([canonical_json(json.loads(text)) for text in json.load(sys.stdin)]))`;
  expect(python(code, JSON.stringify(texts))).toEqual(texts.map((text) => canonicalJson(JSON.parse(text))));
});

test('TypeScript and Python compute the same key for the stage file of a trainer', () => {
  const A = 'a'.repeat(64);
  const [pinned, tagged] = [`registry.example/team/image@sha256:${A}`, 'registry.example/team/image:1'];
  const run = (more: object) => ({ run: { ranks: 2, resources: { gpus: 2 }, ...more } });
  const inputs = {
    policy: { kind: 'pretrain', key: A, digest: 'b'.repeat(64), checksum: 'c'.repeat(64) },
    solutions: { kind: 'rewrite', key: A, digest: 'd'.repeat(64) },
  };
  const stages = [
    aStage({ kind: 'pretrain', name: 'pretrain', config: {}, inputs: {} }),
    aStage({ kind: 'sft', name: 'astro/sft', config: { learningRate: 1e-7, ...run({ image: pinned }) }, inputs }),
    aStage({ kind: 'sft', name: 'sft', config: run({ image: tagged }), inputs }),
    aStage({ kind: 'rl', name: 'rl', config: {}, inputs }),
  ];
  const code = `
import json, sys
from orrery_trainers.pod.stage_key import stage_key
print(json.dumps([stage_key(stage) for stage in json.load(sys.stdin)]))`;
  expect(python(code, JSON.stringify(stages))).toEqual(stages.map(stageKey));
});

test('Python accepts the manifests that TypeScript seals, and refuses the same manifests as TypeScript', async () => {
  const store = aFolder();
  const stage = aStage({ config: { run: { shards: 1 } } });
  const dir = stageDir(store, stage.key);
  await publish(dir, 0, { counts: { problems: 10, share: 1 / 3, small: 1e-7 } });
  const ref = referTo(await sealStage(store, stage, 1, 0));
  const text = readFileSync(manifestPath(dir), 'utf8');
  const other = join(aFolder(), 'b'.repeat(64));
  mkdirSync(other);
  copyFileSync(manifestPath(dir), manifestPath(other));
  const older = aFolder();
  writeFileSync(manifestPath(older), JSON.stringify({ schemaVersion: 1, kind: 'search' }));
  const changed = join(aFolder(), stage.key);
  mkdirSync(changed);
  writeFileSync(manifestPath(changed), text.replace('"problems": 10', '"problems": 110'));

  const cases = [
    { folder: dir, asked: ref },
    { folder: dir, asked: { ...ref, kind: 'evaluate' } },
    { folder: dir, asked: { ...ref, checksum: 'c'.repeat(64) } },
    { folder: other, asked: {} },
    { folder: older, asked: {} },
    { folder: changed, asked: {} },
  ];
  const code = `
import json, sys
from pathlib import Path
from orrery_trainers.store.manifests import CorruptManifest, read_manifest
def said(case):
    try:
        return read_manifest(Path(case["folder"]), case["asked"])["digest"]
    except CorruptManifest as error:
        return str(error)
print(json.dumps([said(case) for case in json.load(sys.stdin)]))`;
  expect(python(code, JSON.stringify(cases))).toEqual([
    ref.digest,
    expect.stringContaining('expected the result with kind evaluate, but its kind is search'),
    expect.stringContaining(`expected the result with checksum ${'c'.repeat(64)}`),
    expect.stringContaining(`it is the manifest of search ${stage.key}`),
    expect.stringContaining('has version 1, but this orrery reads version 2'),
    expect.stringContaining('expected the checksum'),
  ]);
});
