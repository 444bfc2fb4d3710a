import { readdir } from 'node:fs/promises';
import { cancellationSignal } from '@temporalio/activity';
import { type JobRef, jobName, jobRequest, programsOf, type StartAttempt } from '../executor/index.ts';
import { dataFileDigests } from '../inputs/index.ts';
import { isOpenInStore } from '../installation/index.ts';
import { refuseUnsupportedStage } from '../planner/index.ts';
import {
  type CampaignSpec,
  type Manifest,
  type ManifestRef,
  type Outcome,
  parseOrRefuse,
  publishersOf,
  StageFile,
  type StageRequest,
} from '../spec/index.ts';
import { sourcesOfStage } from '../store/code-version.ts';
import {
  CorruptFileError,
  checkpointsDir,
  claimAfter,
  firstClaimedAt,
  inputForKey,
  latestClaim,
  OtherVersionError,
  referTo,
  repairInput,
  stageDir,
  stageKey,
  storeId,
  validManifest,
  validResult,
  writeStageFile,
} from '../store/index.ts';
import { type StageSources, versionOf, writeSources } from '../store/sources.ts';
import { isGivenUp, mustFitNow, noteShortage } from './capacity.ts';
import type { Deps } from './deps.ts';
import { noEffectOf } from './effect.ts';
import { failed } from './seal.ts';

/** Input of {@link createStageActivities}'s `startAttempt`. */
export interface StartStage extends StartAttempt {
  /** No training uses the result of the stage, so an empty result is accepted. */
  readonly mayBeEmpty: boolean;
  /** Digests of the data that the stage reads; only for `prepare`. */
  readonly dataFiles?: DataFiles | undefined;
}

/** Where a stage stands in the store, and what was done about it. `key` is its folder there. */
export type Started = { readonly key: string } & (
  | { readonly kind: 'started'; readonly job: JobRef }
  /** Another campaign runs the stage. */
  | { readonly kind: 'busy'; readonly owner: string }
  /** An equal stage has finished. */
  | { readonly kind: 'finished'; readonly result: ManifestRef }
  /**
   * No attempt was claimed: the result of an equal stage is useless to this campaign, or an input differs from the one
   * that the campaign planned with.
   */
  | { readonly kind: 'refused'; readonly outcome: Outcome }
);

type DataFiles = Awaited<ReturnType<typeof dataFileDigests>>;

/** Activities from the request for a stage to a claimed execution. */
export function createStageActivities({ store, projectRoot, inputs, executor, engines, client, log }: Deps) {
  /**
   * Whether the workflow that owns a claim is open. Throws if Temporal does not answer; the activity is then retried.
   */
  const isOpen = async (workflowId: string) => isOpenInStore(client, await storeId(store), { workflowId });

  /** The code of the stage's programs on this machine. */
  const sourcesOf = (request: StageRequest): StageSources =>
    sourcesOfStage(programsOf(request), { projectRoot, kind: request.kind, domain: request.domain.name });

  /** Logs everything in the store that is damaged. */
  const logDamage =
    ({ key, kind }: Pick<StageFile, 'key' | 'kind'>) =>
    (why: string, then: string) =>
      log.warn({ key, kind, why }, `damaged data in the store: ${then}`);

  /** Repairs damaged manifests of inputs. Null if all inputs are then those that the campaign planned with. */
  async function faultInInputs(stage: StageFile): Promise<Outcome | null> {
    for (const [role, input] of Object.entries(stage.inputs)) {
      try {
        await repairInput(store, inputForKey(stage.kind, input), logDamage(input));
      } catch (error) {
        if (!(error instanceof CorruptFileError || error instanceof OtherVersionError)) throw error;
        const message = `input "${role}": ${error.message}. Cancel the campaign and submit it again: damaged results are made again`;
        const attempt = (await latestClaim(stageDir(store, stage.key)))?.attempt ?? 0;
        return failed('InvalidInput', message, attempt, null);
      }
    }
    return null;
  }

  /** Stops what may still run of an earlier attempt. */
  async function stopJobsOf(key: string, { owner, attempt, execution, unreadable }: Claim): Promise<void> {
    if (unreadable === undefined) {
      const [campaignId = '', ...stage] = owner.split('/');
      return await executor.suspend(jobName(campaignId, stage.join('/'), key, attempt, execution));
    }
    log.warn({ attempt, why: unreadable }, 'unreadable claim: the jobs of the stage are stopped');
    for (const job of await executor.list()) if (job.key === key) await executor.suspend(job.name);
  }

  /** Starts the job of a claimed attempt, or adopts the job if it exists. */
  async function submit(dir: string, stage: StageFile, start: StartAttempt, attempt: number): Promise<JobRef> {
    const { campaignId, campaignRun, request, token } = start;
    const { key } = stage;
    const job: JobRef = {
      name: jobName(campaignId, request.name, key, attempt, token),
      campaignId,
      campaignRun,
      key,
      attempt,
      stage: request.name,
      publishers: publishersOf(stage),
      stallTimeoutSeconds: stage.config.run.stallTimeoutSeconds,
      startedAt: (await firstClaimedAt(dir)) ?? new Date().toISOString(),
    };
    const checkpointBefore = await stepToAvoid(dir, start.earlierCheckpoints);
    const asked = jobRequest(job, start, stage, checkpointBefore);
    const { run } = stage.config;
    const shortage = await executor.capacity(asked, mustFitNow(run));
    // A job that exists has its capacity, or its place in the queue.
    if (shortage !== null && isGivenUp(shortage, run) && (await executor.observe(job.name)) === null) {
      log.warn({ job: job.name, why: shortage.why }, 'job not submitted: the executor lacks capacity');
      await noteShortage(store, job, shortage);
    } else {
      await executor.submit(asked);
    }
    return job;
  }

  return {
    /**
     * Digests of the data files of a campaign. An activity of its own, because reading them may take long, and unlike
     * the start of an attempt it can be cancelled.
     */
    hashData: ({ data }: { data: CampaignSpec['data'] }): Promise<DataFiles> =>
      dataFileDigests(data, inputs, cancellationSignal()),

    /**
     * Returns the result of an equal finished stage, or claims the next attempt and starts its job, or returns who runs
     * the stage. At most one execution of a stage may run. So an older execution is stopped first if its owner has
     * ended, or if it belongs to an earlier run of the same campaign.
     */
    async startAttempt(start: StartStage): Promise<Started> {
      const { campaignId, request, token } = start;
      const sources = sourcesOf(request);
      const stage = identified(request, versionOf(sources), start.dataFiles);
      const { key } = stage;
      const finished = await validResult(store, stage, logDamage(stage));
      if (finished !== null) return { key, ...reuse(finished, start.mayBeEmpty) };
      // Another version, whose programs can do more, may have admitted the campaign.
      refuseUnsupportedStage(request, engines);
      const fault = await faultInInputs(stage);
      if (fault !== null) return { key, kind: 'refused', outcome: fault };
      const dir = stageDir(store, key);
      // Each waits for the disk, and a program starts only after the claim.
      await Promise.all([writeStageFile(store, stage), writeSources(dir, sources)]);
      const owner = `${campaignId}/${request.name}`;
      for (;;) {
        const before = await latestClaim(dir);
        if (before !== null && before.execution !== token) {
          if (before.owner !== owner && isHeld(before) && (await isOpen(before.owner))) {
            return { key, kind: 'busy', owner: before.owner };
          }
          // Its owner may have finished the stage meanwhile: it seals the stage before it closes.
          const manifest = await validManifest(store, stage, logDamage(stage));
          if (manifest !== null) return { key, kind: 'finished', result: referTo(manifest) };
          await stopJobsOf(key, before);
        }
        const attempt = await claimAfter(dir, before?.attempt ?? null, owner, token);
        if (attempt !== null) return { key, kind: 'started', job: await submit(dir, stage, start, attempt) };
        // Another worker has claimed this number first: read its claim.
      }
    },
  };
}

type Claim = NonNullable<Awaited<ReturnType<typeof latestClaim>>>;

const isHeld = ({ released, unreadable }: Claim): boolean => released === undefined && unreadable === undefined;

/**
 * The stage file of a request, with its key.
 * @param codeVersion - version of the code of its programs
 */
function identified(request: StageRequest, codeVersion: string, dataFiles: DataFiles | undefined): StageFile {
  // Parsed first, because the key covers the file as it is written, with the defaults of the schema.
  const asked = { ...request, key: NO_KEY, codeVersion, ...(dataFiles && { dataFiles }) };
  const parsed = parseOrRefuse(StageFile, asked, `the stage ${request.name}`);
  return { ...parsed, key: stageKey(parsed) };
}

/** What follows from the result of an equal stage, which may be empty. */
function reuse(
  manifest: Manifest,
  mayBeEmpty: boolean,
): { kind: 'finished'; result: ManifestRef } | { kind: 'refused'; outcome: Outcome } {
  const { kind, identity, counts, attempt } = manifest;
  const noEffect = noEffectOf({ kind, config: identity.config }, counts, mayBeEmpty);
  if (noEffect === null) return { kind: 'finished', result: referTo(manifest) };
  const message = `an earlier campaign ran this stage, and ${noEffect.message}`;
  return { kind: 'refused', outcome: failed('NoEffect', message, attempt, null) };
}

/** Placeholder for a key that is not computed yet. */
const NO_KEY = '0'.repeat(64);

/** Optimizer step of the `count`-th newest checkpoint. The next attempt resumes only from earlier ones. */
async function stepToAvoid(dir: string, count: number): Promise<number | null> {
  if (count === 0) return null;
  const names = await readdir(checkpointsDir(dir)).catch(() => []);
  const steps = [...new Set(names.flatMap((name) => /^step-(\d+)-attempt-\d+$/.exec(name)?.[1] ?? []).map(Number))];
  return steps.sort((a, b) => b - a)[Math.min(count, steps.length) - 1] ?? null;
}
