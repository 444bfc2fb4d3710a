import { createHash } from 'node:crypto';
import { IS_TRAINER, POD_ENV, type StageFile, type StageRequest } from '../spec/index.ts';
import type { JobRequest } from './job.ts';
import { programsOf } from './programs.ts';

/** What the workflow knows about a job: enough to find it, watch it, and seal its parts. */
export interface JobRef {
  readonly name: string;
  readonly campaignId: string;
  /** First run of the campaign workflow. Distinguishes it from another campaign of the same id. */
  readonly campaignRun: string;
  readonly stage: string;
  readonly key: string;
  readonly attempt: number;
  /** Number of pods that publish a part: every shard, or only rank 0 of a gang. */
  readonly publishers: number;
  readonly stallTimeoutSeconds: number;
  readonly startedAt: string;
}

/** A request of the workflow for the next execution of a stage. */
export interface StartAttempt {
  readonly campaignId: string;
  readonly campaignRun: string;
  readonly arm: string | null;
  readonly request: StageRequest;
  /** Names this execution before it has an attempt number. Two requests with one token make one claim. */
  readonly token: string;
  /** First run of the stage's workflow. */
  readonly ownerRun: string;
  /** Fraction of the configured micro-batch, in (0, 1]. */
  readonly microBatchScale: number;
  /** Number of newest checkpoints to skip when resuming. */
  readonly earlierCheckpoints: number;
  readonly excludedNodes: readonly string[];
}

/** Pods of a stage: ranks of a trainer, shards of all others. */
function podCountOf({ kind, config }: Pick<StageFile, 'kind' | 'config'>): number {
  return IS_TRAINER.has(kind) ? config.run.ranks : config.run.shards;
}

/**
 * Name of the job of one attempt. It is derived, so that a repeated request finds the first job. It is a DNS label that
 * begins with a letter and has at most 57 characters, so that `<name>-<rank>` is a label too. The first part is
 * readable. The rest is unique for the key of the stage, the token of the claim and the attempt. The token
 * distinguishes attempt 0 in a removed store from attempt 0 in a new store.
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
 * The job of one attempt of a stage.
 * @param checkpointBefore - resume only from checkpoints before this optimizer step; null for the newest
 */
export function jobRequest(
  ref: Pick<JobRef, 'name' | 'campaignId' | 'attempt'>,
  asked: Pick<StartAttempt, 'arm' | 'ownerRun' | 'microBatchScale' | 'excludedNodes'>,
  stage: StageFile,
  checkpointBefore: number | null,
): JobRequest {
  const { run } = stage.config;
  const parts = podCountOf(stage);
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
