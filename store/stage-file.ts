import { InvalidInputError, parseOrRefuse } from '../spec/errors.ts';
import { StageFile } from '../spec/stage-file.ts';
import { canonicalJson } from './canonical.ts';
import { createExclusive, readText, writeFileAtomic } from './files.ts';
import { type StageIdentity, stageKey } from './key.ts';
import { stageDir, stageFilePath } from './layout.ts';
import { asDamage, CorruptFileError } from './manifests.ts';
import { setAside } from './rejected.ts';

/**
 * Writes `stage.json` of a stage; an equal one that is there already is left alone. One that differs in what does not enter the key
 * (the name, most of `run`) is replaced as a whole: by the key the work is the same. One that does not hold is set aside.
 * @returns path of the file
 * @throws InvalidInputError when the stage file does not parse, or its key is not that of what it says
 */
export async function writeStageFile(store: string, stageFile: StageFile): Promise<string> {
  const stage = parseOrRefuse(StageFile, stageFile, `the stage file of ${stageFile.name}`);
  const dir = stageDir(store, stage.key);
  const path = stageFilePath(dir);
  const expected = stageKey(stage);
  if (stage.key !== expected) {
    throw new InvalidInputError(path, [{ field: 'key', message: `expected "${expected}", but got "${stage.key}"` }]);
  }
  const text = `${JSON.stringify(stage, null, 2)}\n`;
  if (await createExclusive(path, text)) return path;
  try {
    if (canonicalJson(await readStageFile(dir)) === canonicalJson(stage)) return path;
  } catch (error) {
    if (!(error instanceof CorruptFileError)) throw error;
    await setAside(dir, path);
  }
  await writeFileAtomic(path, text);
  return path;
}

/**
 * Reads `stage.json` of a stage's folder, which has to be what its key was made of: else pods would run other settings under its name.
 * @throws CorruptFileError when it does not hold
 */
export async function readStageFile(stage: string): Promise<StageFile> {
  const path = stageFilePath(stage);
  const text = await readText(path).catch((error: unknown) => {
    throw asDamage(error);
  });
  return checkStageFile(path, text);
}

/** The same, but null where it does not hold: it is written anew when the stage is next resolved. */
export async function readStageFileIfSound(stage: string): Promise<StageFile | null> {
  try {
    return await readStageFile(stage);
  } catch (error) {
    if (error instanceof CorruptFileError) return null;
    throw error;
  }
}

/** The decision of {@link readStageFile} over its text. Pure. */
export function checkStageFile(path: string, text: string): StageFile {
  let value: StageIdentity & { readonly key?: unknown };
  let stage: StageFile;
  try {
    value = JSON.parse(text);
    stage = parseOrRefuse(StageFile, value, path);
  } catch (error) {
    throw new CorruptFileError(`${path} does not hold: ${(error as Error).message}`);
  }
  // Over the file as it is: the schema may fill in a setting that is younger than the file.
  const key = stageKey(value);
  if (key === value.key) return stage;
  throw new CorruptFileError(`${path} does not hold: what it says makes the key ${key}, but it says ${value.key}`);
}
