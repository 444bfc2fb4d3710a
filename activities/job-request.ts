import { createHash } from 'node:crypto';
import { IS_TRAINER, type JobRequest, POD_ENV, type StageFile } from '../spec/index.ts';
import { programsOf } from './programs.ts';

/** What the workflow holds of a job: enough to find it, watch it, and seal what it leaves. */
export interface JobRef {
  readonly name: string;
  readonly campaignId: string;
  /** First run of the campaign's workflow: tells it from another campaign of the same id. */
  readonly campaignRun: string;
  readonly stage: string;
  readonly key: string;
  readonly attempt: number;
  /** Pods that publish a part: every shard, but of a gang only rank 0. */
  readonly publishers: number;
  readonly stallTimeoutSeconds: number;
  readonly startedAt: string;
}

/** What the workflow decides for one attempt. */
export interface AttemptSettings {
  readonly arm: string | null;
  /** First run of the stage's workflow. */
  readonly ownerRun: string;
  /** Fraction of the micro-batch that the stage asks for, in (0, 1]. */
  readonly microBatchScale: number;
  readonly excludedNodes: readonly string[];
}

/** Pods of a stage: ranks of a trainer, shards of all others. */
export function partsOf({ kind, config }: Pick<StageFile, 'kind' | 'config'>): number {
  return IS_TRAINER.has(kind) ? config.run.ranks : config.run.shards;
}

/**
 * Name of the job of one attempt: derived, so that asking twice finds the first. A DNS label that begins with a letter, at most 57
 * characters so that `<name>-<rank>` is one too: readable at the front, unique by the stage's key, the attempt and the claim's token at the end. The token keeps attempt 0 of a store that was removed
 * from being taken for attempt 0 of the store that followed.
 */
export function jobName(campaignId: string, stage: string, key: string, attempt: number, token: string): string {
  const readable = `${campaignId}-${stage}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .replace(/^(?![a-z])/, 'c-');
  const unique = `${key.slice(0, 8)}-${createHash('sha256').update(token).digest('hex').slice(0, 6)}-${attempt}`;
  return `${readable.slice(0, 56 - unique.length).replace(/-+$/, '')}-${unique}`;
}

/**
 * The job of one attempt at a stage.
 * @param checkpointBefore - resume only from checkpoints before this optimizer step; null for the newest
 */
export function jobRequest(
  ref: Pick<JobRef, 'name' | 'campaignId' | 'attempt'>,
  asked: AttemptSettings,
  stage: StageFile,
  checkpointBefore: number | null,
): JobRequest {
  const { run } = stage.config;
  const parts = partsOf(stage);
  const gang = IS_TRAINER.has(stage.kind);
  return {
    name: ref.name,
    campaign: ref.campaignId,
    stage: stage.name,
    kind: stage.kind,
    arm: asked.arm,
    key: stage.key,
    attempt: ref.attempt,
    ownerRun: asked.ownerRun,
    parts,
    parallelism: gang ? parts : Math.min(parts, run.parallelism ?? parts),
    gang,
    ...programsOf(stage),
    resources: run.resources,
    kubernetes: run.kubernetes,
    excludedNodes: asked.excludedNodes,
    env: {
      [POD_ENV.campaign]: ref.campaignId,
      ...(asked.microBatchScale < 1 ? { [POD_ENV.microBatchScale]: String(asked.microBatchScale) } : {}),
      ...(checkpointBefore === null ? {} : { [POD_ENV.checkpointBefore]: String(checkpointBefore) }),
    },
    graceSeconds: run.graceSeconds,
  };
}
