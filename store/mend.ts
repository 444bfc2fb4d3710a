import { join } from 'node:path';
import type { Manifest, ManifestRef } from '../spec/manifest.ts';
import { publishersOf, type StageFile } from '../spec/stage-file.ts';
import { readText } from './files.ts';
import { manifestPath, partPath, stageDir } from './layout.ts';
import { CorruptFileError, OtherResultError, OtherVersionError, readManifest } from './manifests.ts';
import { setAside } from './rejected.ts';
import { MissingPartsError, sealStage } from './seal.ts';
import { readStageFile, readStageFileIfSound } from './stage-file.ts';
import { faultInOutputs } from './verify.ts';

/** Told of everything that is set aside: why, and what becomes of it. */
export type Report = (why: string, then: string) => void;

/**
 * The result of a finished stage, as far as it holds: manifest and outputs as they lie there, or sealed again from parts that hold. Null
 * where the stage has to run (again). What does not hold is set aside; each call does so at most once with each file.
 * @param stage - as it is asked for: its key has just been computed
 */
export async function soundResult(store: string, stage: StageFile, report: Report): Promise<Manifest | null> {
  const dir = stageDir(store, stage.key);
  const manifest = await soundManifest(store, stage, report);
  if (manifest === null) return null;
  const fault = await faultInOutputs(dir, manifest);
  if (fault === null) return manifest;
  report(fault.error.message, 'the stage is run again');
  await setAside(dir, join(dir, fault.entry.path));
  await rejectResult(dir, manifest);
  return null;
}

/**
 * The manifest of a stage; one that does not hold is set aside, and sealed again from the parts where these hold. Large outputs are read for
 * that: the parts are all that is left to say what they are.
 */
export async function soundManifest(store: string, stage: StageFile, report: Report): Promise<Manifest | null> {
  const dir = stageDir(store, stage.key);
  const path = manifestPath(dir);
  const judged = await readText(path).catch(() => undefined);
  try {
    return readManifest(dir);
  } catch (error) {
    if (!(error instanceof CorruptFileError || error instanceof OtherVersionError)) throw error;
    await setAside(dir, path, judged);
    report(error.message, 'the manifest is set aside');
  }
  // What went in is said by the file that the parts were made by, where that holds; names and folders of inputs may differ.
  return await sealAgain(store, (await readStageFileIfSound(dir)) ?? stage, report);
}

/** Seals a finished stage whose manifest is lost. Null, and told, where its parts do not hold. */
async function sealAgain(store: string, stage: StageFile, report: Report): Promise<Manifest | null> {
  try {
    const sealed = await sealStage(store, stage, publishersOf(stage), 0, { hash: true });
    report(manifestPath(stageDir(store, stage.key)), 'sealed again from its parts');
    return sealed;
  } catch (error) {
    if (!(error instanceof CorruptFileError || error instanceof MissingPartsError)) throw error;
    report(error.message, 'the stage is run again');
    return null;
  }
}

/** Sets a result aside with the parts that it was made of, so that the stage has to make it again. */
export async function rejectResult(dir: string, { parts }: Pick<Manifest, 'parts'>): Promise<void> {
  // The manifest last: as long as it is there, nobody takes the stage for one that is yet to run.
  for (let part = 0; part < parts; part++) await setAside(dir, partPath(dir, part));
  await setAside(dir, manifestPath(dir));
}

/**
 * Sees that the input of a stage is still what the campaign planned with, before a pod is started for it. A manifest that was damaged or
 * lost since is sealed again from its parts: that needs no other run of the stage. (Another worker may be at it: then it is lost for a moment.)
 * @throws CorruptFileError (OtherResultError among it) and OtherVersionError where that does not help
 */
export async function mendInput(store: string, input: ManifestRef, report: Report): Promise<void> {
  const dir = stageDir(store, input.key);
  try {
    if (readManifest(dir, input) !== null) return;
    await sealAgain(store, await readStageFile(dir), report);
  } catch (error) {
    if (!(error instanceof CorruptFileError) || error instanceof OtherResultError) throw error;
    const stage = await readStageFile(dir);
    // Null as well where another activity has just set it aside: then both seal it, and the first one stands.
    if ((await soundManifest(store, stage, report)) === null) await sealAgain(store, stage, report);
  }
  if (readManifest(dir, input) === null) {
    throw new CorruptFileError(`${dir}: expected the result of a finished stage, but its manifest is not there`);
  }
}
