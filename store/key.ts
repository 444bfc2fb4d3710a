import { basename } from 'node:path';
import type { Data } from '../spec/campaign.ts';
import type { Counts, FileEntry, Identity, Inputs, ManifestRef } from '../spec/manifest.ts';
import type { StageFile } from '../spec/stage-file.ts';
import { IS_TRAINER, type StageKind } from '../spec/stages/index.ts';
import { sha256Canonical } from './canonical.ts';

/** Everything that decides the result of a stage. A {@link StageFile} but for its `key` and `name` is one. */
export interface StageIdentity
  extends Pick<StageFile, 'kind' | 'config' | 'domain' | 'policy' | 'codeVersion' | 'seed'> {
  /** Of the inputs only the role and the digest count: who made them, and where, does not. Kind analyse is the exception. */
  readonly inputs: Inputs;
  /** Kind prepare only. */
  readonly data?: Data | undefined;
  /** Kind prepare, where problems come from files: their content by path, see `dataFileDigests` of inputs/. */
  readonly dataFiles?: Readonly<Record<string, string>> | undefined;
  /** Kind analyse only: names of the arms in order. */
  readonly arms?: readonly string[] | undefined;
}

/**
 * What the key of a stage is made of.
 *
 * Of `run` these decide a result: shards and ranks divide the work; whether there is a GPU decides device and number type; the engine of
 * the policy server decides what is sampled; an image, where it is pinned by digest, which libraries compute. How many CPUs or GPUs does not,
 * to the last bits: sums are made in another order. Where a stage names no image, its libraries are those of `codeVersion` and the key is
 * the same on every executor; whether the results are, their digests tell.
 *
 * Kind analyse tells what its inputs' manifests say besides their outputs (settings, curves), so their keys and checksums count too.
 */
export function identityOf(stage: StageIdentity): Identity {
  const { run, ...settings } = stage.config;
  return withoutUndefined({
    kind: stage.kind,
    config: {
      ...settings,
      run: {
        ...{ shards: run.shards, ranks: run.ranks, gpu: run.resources.gpus > 0 },
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

/** What counts of the inputs: by role, what they hold. */
export function identityOfInputs(kind: StageKind, inputs: StageIdentity['inputs']): Identity['inputs'] {
  return Object.fromEntries(
    Object.entries(inputs).map(([role, { key, digest, checksum }]) => [
      role,
      readsManifests(kind) ? { key, digest, ...(checksum !== undefined && { checksum }) } : digest,
    ]),
  );
}

/** Whether a stage tells what the manifests of its inputs say besides their outputs. */
const readsManifests = (kind: StageKind): boolean => kind === 'analyse';

/**
 * What a stage compares of an input: what its own key counts. So an input that was made again with the same outputs, at another time, is
 * the same input, and a running campaign goes on with it. The analysis shows times and curves; it compares the checksum too.
 */
export function inputAsCounted(reader: StageKind, { checksum, ...outputs }: ManifestRef): ManifestRef {
  return readsManifests(reader) && checksum !== undefined ? { ...outputs, checksum } : outputs;
}

/** Key of a stage: names its folder in the store. An equal key is the same work, and a finished stage of that key is its result. */
export const stageKey = (stage: StageIdentity): string => sha256Canonical(identityOf(stage));

/**
 * Digest of a stage's outputs: equal for equal results, whenever and wherever made. Of trainers it leaves out `metrics.jsonl`, whose
 * lines hold times.
 */
export function outputDigest(kind: StageKind, files: readonly FileEntry[], counts: Counts): string {
  const counted = files
    .filter(({ path }) => !(IS_TRAINER.has(kind) && basename(path) === 'metrics.jsonl'))
    .map(({ path, sha256, bytes }) => ({ path, sha256, bytes }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return sha256Canonical({ kind, files: counted, counts });
}

/** Of images those that are pinned, by their digest alone: where they are pulled from changes nothing. A tag may name another image tomorrow. */
function pinned(images: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(images).flatMap(([name, image]) => {
      const digest = /@(sha256:[0-9a-f]{64})$/.exec(image ?? '')?.[1];
      return digest === undefined ? [] : [[name, digest]];
    }),
  );
}

/** As JSON says it. */
const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
