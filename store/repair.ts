import { join } from 'node:path';
import type { Manifest, ManifestRef } from '../spec/manifest.ts';
import { publishersOf, type StageFile } from '../spec/stage-file.ts';
import { readText } from './files.ts';
import { manifestPath, partPath, stageDir } from './layout.ts';
import { CorruptFileError, OtherResultError, OtherVersionError, readManifest } from './manifests.ts';
import { rejectFile } from './reject.ts';
import { MissingPartsError, sealStage } from './seal.ts';
import { readStageFile, readStageFileIfValid } from './stage-file.ts';
import { faultInOutputs } from './verify.ts';

/** Called for every damaged file: why it is damaged, and what follows. */
export type OnDamage = (why: string, action: string) => void;

/**
 * The valid result of a stage; null if the stage must run (again). A damaged manifest is sealed again from its parts if
 * they are valid. Damaged files are set aside.
 * @param stage - the stage with its newly computed key
 */
export async function validResult(store: string, stage: StageFile, onDamage: OnDamage): Promise<Manifest | null> {
  const dir = stageDir(store, stage.key);
  const manifest = await validManifest(store, stage, onDamage);
  if (manifest === null) return null;
  const fault = await faultInOutputs(dir, manifest);
  if (fault === null) return manifest;
  onDamage(fault.error.message, 'the stage runs again');
  await rejectFile(dir, join(dir, fault.entry.path));
  await rejectResult(dir, manifest);
  return null;
}

/**
 * The valid manifest of a stage. A damaged one is set aside and sealed again from its parts if they are valid. Sealing
 * reads all outputs, even large ones, because only the parts are left to verify them.
 */
export async function validManifest(store: string, stage: StageFile, onDamage: OnDamage): Promise<Manifest | null> {
  const dir = stageDir(store, stage.key);
  const path = manifestPath(dir);
  const text = await readText(path).catch(() => undefined);
  try {
    return readManifest(dir);
  } catch (error) {
    if (!(error instanceof CorruptFileError || error instanceof OtherVersionError)) throw error;
    await rejectFile(dir, path, text);
    onDamage(error.message, 'the manifest is set aside');
  }
  // The stage file that the parts were made from is preferred: names and folders of inputs may differ in `stage`.
  return await sealAgain(store, (await readStageFileIfValid(dir)) ?? stage, onDamage);
}

/** Seals a finished stage whose manifest is missing. Null if its parts are damaged or missing. */
async function sealAgain(store: string, stage: StageFile, onDamage: OnDamage): Promise<Manifest | null> {
  try {
    const sealed = await sealStage(store, stage, publishersOf(stage), 0, { hash: true });
    onDamage(manifestPath(stageDir(store, stage.key)), 'sealed again from its parts');
    return sealed;
  } catch (error) {
    if (!(error instanceof CorruptFileError || error instanceof MissingPartsError)) throw error;
    onDamage(error.message, 'the stage runs again');
    return null;
  }
}

/** Sets a manifest and its parts aside, so that the stage must run again. */
export async function rejectResult(dir: string, { parts }: Pick<Manifest, 'parts'>): Promise<void> {
  // The manifest is last, because as long as it exists nobody runs the stage.
  for (let part = 0; part < parts; part++) await rejectFile(dir, partPath(dir, part));
  await rejectFile(dir, manifestPath(dir));
}

/**
 * Checks, before a pod starts, that an input is still the result that the campaign planned with. A damaged or missing
 * manifest is sealed again from its parts, which needs no other run of the stage. (It may also be missing for a moment
 * while another worker repairs it.)
 * @throws CorruptFileError (including OtherResultError) or OtherVersionError if the input cannot be repaired
 */
export async function repairInput(store: string, input: ManifestRef, onDamage: OnDamage): Promise<void> {
  const dir = stageDir(store, input.key);
  try {
    if (readManifest(dir, input) !== null) return;
    await sealAgain(store, await readStageFile(dir), onDamage);
  } catch (error) {
    if (!(error instanceof CorruptFileError) || error instanceof OtherResultError) throw error;
    const stage = await readStageFile(dir);
    // The manifest is also null if another activity has just set it aside. Then both seal it, and the first one wins.
    if ((await validManifest(store, stage, onDamage)) === null) await sealAgain(store, stage, onDamage);
  }
  if (readManifest(dir, input) === null) {
    throw new CorruptFileError(`${dir}: expected the result of a finished stage, but its manifest is missing`);
  }
}
