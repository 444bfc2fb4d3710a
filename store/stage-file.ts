import { InvalidInputError, parseOrRefuse } from '../spec/errors.ts';
import { StageFile } from '../spec/stage-file.ts';
import { canonicalJson } from './canonical.ts';
import { createExclusive, readText, writeFileAtomic } from './files.ts';
import { type StageIdentity, stageKey } from './key.ts';
import { stageDir, stageFilePath } from './layout.ts';
import { asCorruptFile, CorruptFileError } from './manifests.ts';
import { rejectFile } from './reject.ts';

/**
 * Writes `stage.json` of a stage. An equal file is left as it is. A file that differs only in fields which are not part
 * of the key (the name, most of `run`) is replaced. A damaged file is set aside.
 * @returns path of the file
 * @throws InvalidInputError if the stage file does not parse, or its key does not match its content
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
    await rejectFile(dir, path);
  }
  await writeFileAtomic(path, text);
  return path;
}

/**
 * Reads `stage.json` from the folder of a stage. Its content must match its key, because otherwise pods would run other
 * settings.
 * @throws CorruptFileError if it is damaged
 */
export async function readStageFile(stage: string): Promise<StageFile> {
  const path = stageFilePath(stage);
  const text = await readText(path).catch((error: unknown) => {
    throw asCorruptFile(error);
  });
  return checkStageFile(path, text);
}

/** Like {@link readStageFile}, but null if it is damaged. The file is written again when the stage is next resolved. */
export async function readStageFileIfValid(stage: string): Promise<StageFile | null> {
  try {
    return await readStageFile(stage);
  } catch (error) {
    if (error instanceof CorruptFileError) return null;
    throw error;
  }
}

/** The pure part of {@link readStageFile}. */
export function checkStageFile(path: string, text: string): StageFile {
  let value: StageIdentity & { readonly key?: unknown };
  let stage: StageFile;
  try {
    value = JSON.parse(text);
    stage = parseOrRefuse(StageFile, value, path);
  } catch (error) {
    throw new CorruptFileError(`${path} is damaged: ${(error as Error).message}`);
  }
  // The key is computed from the parsed JSON, because the schema may add defaults that are newer than the file.
  const key = stageKey(value);
  if (key === value.key) return stage;
  throw new CorruptFileError(`${path} is damaged: its content has the key ${key}, but it says ${value.key}`);
}
