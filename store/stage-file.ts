import { InvalidInputError, parseOrRefuse, StageFile } from '../spec/index.ts';
import { canonicalJson } from './canonical.ts';
import { createExclusive, keepUnreadable, readJson, writeFileAtomic } from './files.ts';
import { stageDir, stageFilePath } from './layout.ts';

/**
 * Writes `stage.json` of a stage; an equal one that is there already is left alone. One that differs in what does not enter the key
 * (the name, most of `run`) is replaced as a whole: by the key the work is the same.
 * One that does not parse is replaced too, and kept beside.
 * @returns path of the file
 * @throws InvalidInputError when the stage file does not parse, or the folder holds another kind or key
 */
export async function writeStageFile(store: string, stageFile: StageFile): Promise<string> {
  const stage = parseOrRefuse(StageFile, stageFile, `the stage file of ${stageFile.name}`);
  const path = stageFilePath(stageDir(store, stage.key));
  const text = `${JSON.stringify(stage, null, 2)}\n`;
  if (await createExclusive(path, text)) return path;
  const there = await readStageFileIfParses(stageDir(store, stage.key));
  if (there === null) {
    await keepUnreadable(path);
    await writeFileAtomic(path, text);
    return path;
  }
  for (const field of ['kind', 'key'] as const) {
    if (there[field] === stage[field]) continue;
    throw new InvalidInputError(path, [{ field, message: `expected "${stage[field]}", but got "${there[field]}"` }]);
  }
  if (canonicalJson(there) !== canonicalJson(stage)) await writeFileAtomic(path, text);
  return path;
}

/** Reads `stage.json` of a stage's folder. */
export const readStageFile = (stage: string): Promise<StageFile> => readJson(stageFilePath(stage), StageFile);

/** The same, but null where the file does not parse: it is written anew when the stage is next resolved. */
export async function readStageFileIfParses(stage: string): Promise<StageFile | null> {
  try {
    return await readStageFile(stage);
  } catch (error) {
    if (error instanceof InvalidInputError) return null;
    throw error;
  }
}
