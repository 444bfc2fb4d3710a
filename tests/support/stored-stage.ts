import { join } from 'node:path';
import type { ManifestRef, StageFile, StageKind } from '../../spec/index.ts';
import { parseOrRefuse, StageFile as StageFileSchema } from '../../spec/index.ts';
import { writeJsonl } from '../../stages/io/jsonl.ts';
import { publish } from '../../stages/runtime/publish.ts';
import { referTo, sealStage, stageDir, stageKey, writeStageFile } from '../../store/index.ts';

/** The settings of a stage that matter to a test. The rest has defaults. */
export interface StageSketch {
  readonly kind: StageKind;
  readonly config?: Record<string, unknown>;
  readonly inputs?: Record<string, ManifestRef>;
  readonly seed?: number;
  readonly data?: unknown;
  readonly dataFiles?: Record<string, string>;
  readonly domain?: { readonly name: string; readonly settings?: Record<string, unknown> };
  readonly policy?: unknown;
  readonly codeVersion?: string;
}

/** A stage file of the domain `sums`, with a key made of the sketch and `tag`. */
export function aStageFile({ inputs = {}, domain = { name: 'sums' }, ...sketch }: StageSketch, tag = ''): StageFile {
  const stage = parseOrRefuse(
    StageFileSchema,
    {
      schemaVersion: 1,
      name: `test/${sketch.kind}`,
      key: '0'.repeat(64),
      seed: 7,
      codeVersion: `test ${tag}`,
      inputs,
      domain: { settings: {}, ...domain },
      policy: { type: 'pretrain', name: 'tiny' },
      config: {},
      ...sketch,
    },
    'the stage file of the test',
  );
  return { ...stage, key: stageKey(stage) };
}

/** Adds a stage that has not run to the store. Another `tag` makes another stage from the same sketch. */
export async function plannedStage(
  store: string,
  sketch: StageSketch,
  tag?: string,
): Promise<{ stage: StageFile; dir: string; path: string }> {
  const stage = aStageFile(sketch, tag);
  return { stage, dir: stageDir(store, stage.key), path: await writeStageFile(store, stage) };
}

/** Adds a finished stage to the store, with records by file name relative to `data/`. */
export async function finishedStage(
  store: string,
  sketch: StageSketch,
  files: Record<string, readonly unknown[]>,
): Promise<ManifestRef> {
  const { stage, dir } = await plannedStage(store, sketch);
  const paths = Object.keys(files).map((name) => `data/${name}`);
  for (const [name, records] of Object.entries(files)) await writeJsonl(join(dir, 'data', name), records);
  await publish({ dir, part: 0, attempt: 0 }, paths, {}, async () => {});
  return referTo(await sealStage(store, stage, 1, 0));
}
