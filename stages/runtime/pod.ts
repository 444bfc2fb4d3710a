import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { parseOrRefuse } from '../../spec/errors.ts';
import { POD_ENV } from '../../spec/pod-env.ts';
import type { StageFile } from '../../spec/stage-file.ts';
import { StageKind } from '../../spec/stages/kinds.ts';
import { isMissing, readJson } from '../../store/files.ts';
import { stageKey } from '../../store/key.ts';
import { stageDir, stageFilePath } from '../../store/layout.ts';
import { StageExit } from './exits.ts';

/** What the environment tells a pod (the pod contract of docs/architecture.md). */
export interface Pod {
  readonly stage: StageFile;
  readonly store: string;
  /** The stage's folder in the store. */
  readonly dir: string;
  readonly attempt: number;
  readonly part: number;
  readonly parts: number;
}

const count = (fallback?: string) =>
  z
    .string({ error: 'expected a whole number from 0' })
    .regex(/^\d+$/, 'expected a whole number from 0')
    .transform(Number)
    .prefault(fallback as string);

const PodEnvironment = z.object({
  [POD_ENV.stageFile]: z.string({ error: 'expected the path of a stage.json' }).min(1),
  [POD_ENV.store]: z.string({ error: 'expected the folder of the store' }).min(1),
  [POD_ENV.attempt]: count(),
  [POD_ENV.shard]: count('0'),
});

/**
 * Reads the pod contract.
 * @throws InvalidInputError naming every variable or field that is not as expected
 * @throws StageExit `InvalidInput` when the parts do not fit together
 */
export async function readPod(env: NodeJS.ProcessEnv): Promise<Pod> {
  const pod = parseOrRefuse(PodEnvironment, env, 'the environment of the pod');
  const path = resolve(pod[POD_ENV.stageFile]);
  const stage = await readStage(path, resolve(pod[POD_ENV.store]));
  const dir = stageDir(resolve(pod[POD_ENV.store]), stage.key);
  if (dirname(path) !== dir) {
    throw new StageExit(
      'InvalidInput',
      `${POD_ENV.stageFile}: expected ${stageFilePath(dir)}, the folder of the stage's key, but got ${path}`,
    );
  }
  const [part, parts] = [pod[POD_ENV.shard], stage.config.run.shards];
  if (part >= parts) {
    throw new StageExit(
      'InvalidInput',
      `${POD_ENV.shard}: expected a number below config.run.shards (${parts}), but got ${part}`,
    );
  }
  return { stage, store: resolve(pod[POD_ENV.store]), dir, attempt: pod[POD_ENV.attempt], part, parts };
}

/**
 * The error for a file that is missing together with the whole store. Nobody made a mistake: another attempt finds the
 * file once the mount is back.
 */
export const storeMissing = (missing: string): StageExit =>
  new StageExit('DependencyDown', `the store is gone: ${missing} is not there; is it mounted?`);

async function readStage(path: string, store: string): Promise<StageFile> {
  try {
    const value = await readJson(path, z.unknown());
    const stage = parseOrRefuse(await schemaOf(value, path), value, path);
    // The key is computed over the file as it is, because the schema may add the default of a setting newer than the
    // file.
    if (stageKey(value as StageFile) === stage.key) return stage;
    throw new StageExit(
      'DependencyDown',
      `${path} is damaged: its key does not match its content; the next attempt writes it again`,
    );
  } catch (error) {
    if (!isMissing(error)) throw error;
    const stages = join(store, 'stages');
    if (!existsSync(stages)) throw storeMissing(stages);
    throw new StageExit('InvalidInput', `${POD_ENV.stageFile}: expected a stage file, but ${path} is not there`);
  }
}

/**
 * Schemas by kind. A pod loads that of its own kind alone, so that a new field of one kind changes no key of another.
 */
// @loads spec/stages/{kind}.ts
const STAGE_FILES: { readonly [K in StageKind]?: () => Promise<z.ZodType<StageFile>> } = {
  prepare: async () => (await import('../../spec/stages/prepare.ts')).PrepareStageFile,
  search: async () => (await import('../../spec/stages/search.ts')).SearchStageFile,
  linearise: async () => (await import('../../spec/stages/linearise.ts')).LineariseStageFile,
  rewrite: async () => (await import('../../spec/stages/rewrite.ts')).RewriteStageFile,
  curriculum: async () => (await import('../../spec/stages/curriculum.ts')).CurriculumStageFile,
  evaluate: async () => (await import('../../spec/stages/evaluate.ts')).EvaluateStageFile,
  analyse: async () => (await import('../../spec/stages/analyse.ts')).AnalyseStageFile,
};

/**
 * @throws InvalidInputError when the file has no kind; StageExit `InvalidInput` when it is the kind of another program
 */
async function schemaOf(value: unknown, path: string): Promise<z.ZodType<StageFile>> {
  const { kind } = parseOrRefuse(z.looseObject({ kind: StageKind }), value, path);
  const load = STAGE_FILES[kind];
  if (load !== undefined) return await load();
  const known = Object.keys(STAGE_FILES).join(', ');
  throw new StageExit('InvalidInput', `kind: expected one of ${known}, but got ${kind}, which is a Python trainer`);
}
