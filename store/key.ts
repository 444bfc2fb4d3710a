import { basename } from 'node:path';
import type { Data } from '../spec/data.ts';
import type { Counts, FileEntry, Identity, Inputs, ManifestRef } from '../spec/manifest.ts';
import type { StageFile } from '../spec/stage-file.ts';
import { IS_TRAINER, type StageKind } from '../spec/stages/kinds.ts';
import { sha256Canonical } from './canonical.ts';

/** Everything that determines the result of a stage: a {@link StageFile} without `key` and `name`. */
export interface StageIdentity
  extends Pick<StageFile, 'kind' | 'config' | 'domain' | 'policy' | 'codeVersion' | 'seed'> {
  /** Only the roles and digests of the inputs enter the key, except for kind analyse. */
  readonly inputs: Inputs;
  /** Only for kind prepare. */
  readonly data?: Data | undefined;
  /** Only for kind prepare with problems from files: SHA-256 by path, see `dataFileDigests` in inputs/. */
  readonly dataFiles?: Readonly<Record<string, string>> | undefined;
  /** Only for kind analyse: names of the arms in order. */
  readonly arms?: readonly string[] | undefined;
}

/**
 * The value whose hash is the key of a stage.
 *
 * These settings of `run` change the result: shards and ranks divide the work, a GPU changes device and number type,
 * the engine of the policy server changes the samples, and an image pinned by digest changes the libraries. The number
 * of CPUs or GPUs changes only the order of sums, and so the last bits. Without an image, `codeVersion` identifies the
 * libraries, and the key is the same on every executor. Digests show whether the results are equal too.
 *
 * Kind analyse also reports settings and curves from the manifests of its inputs, so their keys and checksums are
 * included.
 */
export function identityOf(stage: StageIdentity): Identity {
  const { run, ...settings } = stage.config;
  return withoutUndefined({
    kind: stage.kind,
    config: {
      ...settings,
      run: {
        shards: run.shards,
        ranks: run.ranks,
        gpu: run.resources.gpus > 0,
        ...(run.policyServer.engine === 'embedded' ? {} : { engine: run.policyServer.engine }),
        ...pinned({ image: run.image, policyServerImage: run.policyServer.image }),
      },
    },
    domain: stage.domain,
    policy: stage.policy,
    data: stage.data,
    dataFiles: stage.dataFiles,
    arms: stage.arms,
    inputs: identityOfInputs(stage.kind, stage.inputs),
    codeVersion: stage.codeVersion,
    seed: stage.seed,
  });
}

/** The part of the inputs that enters the key, by role. */
export function identityOfInputs(kind: StageKind, inputs: StageIdentity['inputs']): Identity['inputs'] {
  return Object.fromEntries(
    Object.entries(inputs).map(([role, { key, digest, checksum }]) => [
      role,
      readsManifests(kind) ? { key, digest, ...(checksum !== undefined && { checksum }) } : digest,
    ]),
  );
}

/** Whether the result of a stage depends on the manifests of its inputs, and not only on their outputs. */
const readsManifests = (kind: StageKind): boolean => kind === 'analyse';

/**
 * The part of a reference that enters the key of the stage that reads the input. Readers compare only this part. So an
 * input that was made again with equal outputs is still the same input, and a running campaign continues with it. The
 * analysis shows times and curves, so it compares the checksum too.
 */
export function inputForKey(reader: StageKind, { checksum, ...outputs }: ManifestRef): ManifestRef {
  return readsManifests(reader) && checksum !== undefined ? { ...outputs, checksum } : outputs;
}

/** Key of a stage, which is the name of its folder in the store. Stages with equal keys have the same result. */
export const stageKey = (stage: StageIdentity): string => sha256Canonical(identityOf(stage));

/**
 * Digest of a stage's outputs. Equal results have equal digests, wherever and whenever they were made. For trainers it
 * excludes `metrics.jsonl`, which contains times.
 */
export function outputDigest(kind: StageKind, files: readonly FileEntry[], counts: Counts): string {
  const counted = files
    .filter(({ path }) => !(IS_TRAINER.has(kind) && basename(path) === 'metrics.jsonl'))
    .map(({ path, sha256, bytes }) => ({ path, sha256, bytes }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return sha256Canonical({ kind, files: counted, counts });
}

/**
 * The digests of pinned images. The registry does not matter, and a tag is no digest because it may name another image
 * tomorrow.
 */
function pinned(images: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(images).flatMap(([name, image]) => {
      const digest = /@(sha256:[0-9a-f]{64})$/.exec(image ?? '')?.[1];
      return digest === undefined ? [] : [[name, digest]];
    }),
  );
}

/** Removes `undefined` properties, as JSON does. */
const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
