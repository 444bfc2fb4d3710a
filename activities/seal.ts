import { existsSync } from 'node:fs';
import type { JobRef } from '../executor/index.ts';
import type { FailureClass, ManifestRef, Outcome, StageFile } from '../spec/index.ts';
import {
  CorruptFileError,
  MissingPartsError,
  manifestPath,
  readParts,
  readStageFile,
  referTo,
  sealStage,
  setWorkAside,
  stageDir,
  sumCounts,
} from '../store/index.ts';
import { noEffectOf } from './effect.ts';

/** A job whose parts are to be sealed. */
export type SealedJob = Pick<JobRef, 'key' | 'attempt' | 'publishers'> & {
  /** No training uses the result, so an empty result is accepted. */
  readonly mayBeEmpty?: boolean | undefined;
};

/** The result of a stage, or the failure for which there is none. */
export type Sealed = { readonly result: ManifestRef } | { readonly failed: Outcome };

/**
 * Makes the manifest of a stage from the parts of its pods. A part that is missing after exit code 0 counts as a crash.
 * Parts without any effect are not sealed.
 */
export async function sealParts(store: string, job: SealedJob): Promise<Sealed> {
  const dir = stageDir(store, job.key);
  try {
    const stage = await readStageFile(dir);
    const noEffect = await noEffectOfParts(dir, stage, job);
    if (noEffect !== null) return { failed: failed('NoEffect', noEffect, job.attempt, null) };
    return { result: referTo(await sealStage(store, stage, job.publishers, job.attempt)) };
  } catch (error) {
    if (error instanceof MissingPartsError) {
      return { failed: failed('Crashed', `ended with exit code 0, but ${error.message}`, job.attempt, 0) };
    }
    // Sealing has set the damaged part aside, so another attempt makes it again.
    if (error instanceof CorruptFileError) return { failed: failed('Crashed', error.message, job.attempt, 0) };
    throw error;
  }
}

/**
 * Why complete parts are not sealed: the work had no effect. If the cause may lie outside the stage, the parts are set
 * aside, so that another attempt does the work again. Null if nothing speaks against sealing.
 */
async function noEffectOfParts(
  dir: string,
  stage: StageFile,
  { publishers, attempt, mayBeEmpty = false }: SealedJob,
): Promise<string | null> {
  // A manifest that another worker has sealed meanwhile stays valid. Sealing sets damaged parts aside.
  if (existsSync(manifestPath(dir))) return null;
  const parts = await readParts(dir, publishers).catch((error: unknown) => {
    if (error instanceof CorruptFileError) return [];
    throw error;
  });
  if (parts.length < publishers) return null;
  const found = noEffectOf(stage, sumCounts(parts.map(({ counts }) => counts)), mayBeEmpty);
  if (found?.isJudging) await setWorkAside(dir, attempt);
  return found?.message ?? null;
}

/** A failure that no pod reported. */
export const failed = (
  failure: FailureClass,
  message: string,
  attempt: number,
  exitCode: number | null,
): Extract<Outcome, { kind: 'failed' }> => ({
  kind: 'failed',
  failure: { class: failure, message, attempt, exitCode, part: null, node: null },
});
