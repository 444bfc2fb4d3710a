import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { cancellationSignal } from '@temporalio/activity';
import { type JobRef, jobName, jobRequest, programsOf, type StartAttempt } from '../executor/index.ts';
import { dataFileDigests } from '../inputs/index.ts';
import { isOpenInStore } from '../installation/index.ts';
import { refuseUnsupportedStage } from '../planner/index.ts';
import {
  type Failure,
  type FailureClass,
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
  MissingPartsError,
  manifestPath,
  OtherVersionError,
  readParts,
  readStageFile,
  readStageFileIfValid,
  referTo,
  repairInput,
  sealStage as seal,
  setWorkAside,
  stageDir,
  stageKey,
  storeId,
  sumCounts,
  validManifest,
  validResult,
  writeStageFile,
} from '../store/index.ts';
import { type StageSources, versionOf, writeSources } from '../store/sources.ts';
import { isGivenUp, mustFitNow, noteShortage } from './capacity.ts';
import type { Deps } from './deps.ts';
import { noEffectOf } from './effect.ts';

export interface Resolved {
  readonly key: string;
  /** The result of an equal finished stage; null if there is none. */
  readonly result: ManifestRef | null;
  /** Why that result is useless to this campaign. */
  readonly failure?: Failure | undefined;
}

export type Started =
  | { readonly kind: 'started'; readonly job: JobRef }
  /** Another campaign runs the stage. */
  | { readonly kind: 'busy'; readonly owner: string }
  /** The code has changed since the stage was resolved, so its key has changed too. */
  | { readonly kind: 'replan' }
  /** Another campaign has just finished it. */
  | { readonly kind: 'finished'; readonly result: ManifestRef }
  /** No attempt was claimed: an input differs from the one that the campaign planned with. */
  | { readonly kind: 'refused'; readonly outcome: Outcome };
export type Sealed =
  | { readonly kind: 'sealed'; readonly result: ManifestRef }
  | { readonly kind: 'incomplete'; readonly outcome: Outcome };

/** Activities from the request for a stage to a claimed execution, and from its parts to its manifest. */
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
  async function faultInInputs(stage: StageFile): Promise<Extract<Started, { kind: 'refused' }> | null> {
    for (const [role, input] of Object.entries(stage.inputs)) {
      try {
        await repairInput(store, inputForKey(stage.kind, input), logDamage(input));
      } catch (error) {
        if (!(error instanceof CorruptFileError || error instanceof OtherVersionError)) throw error;
        const message = `input "${role}": ${error.message}. Cancel the campaign and submit it again: damaged results are made again`;
        const attempt = (await latestClaim(stageDir(store, stage.key)))?.attempt ?? 0;
        return { kind: 'refused', outcome: failed('InvalidInput', message, attempt, null) };
      }
    }
    return null;
  }

  /** Starts the job of a claimed attempt, or adopts the job if it exists. */
  async function submit(dir: string, stage: StageFile, start: StartAttempt, attempt: number): Promise<JobRef> {
    const { campaignId, campaignRun, request, key, token } = start;
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
    /** Computes the key of a stage, writes its stage file, and returns the result if an equal stage has finished. */
    async resolveStage({
      request,
      mayBeEmpty = false,
    }: {
      request: StageRequest;
      mayBeEmpty?: boolean | undefined;
    }): Promise<Resolved> {
      const version = versionOf(sourcesOf(request));
      const dataFiles =
        request.kind === 'prepare' ? await dataFileDigests(request.data, inputs, cancellationSignal()) : undefined;
      // Parsed first, because the key covers the file as it is written, with the defaults of the schema.
      const asked = { ...request, key: NO_KEY, codeVersion: version, ...(dataFiles && { dataFiles }) };
      const parsed = parseOrRefuse(StageFile, asked, `the stage ${request.name}`);
      const stage = { ...parsed, key: stageKey(parsed) };
      const { key } = stage;
      const manifest = await validResult(store, stage, logDamage(stage));
      if (manifest === null) {
        await writeStageFile(store, stage);
        return { key, result: null };
      }
      const noEffect = noEffectOf(
        { kind: manifest.kind, config: manifest.identity.config },
        manifest.counts,
        mayBeEmpty,
      );
      if (noEffect === null) return { key, result: referTo(manifest) };
      const message = `an earlier campaign ran this stage, and ${noEffect.message}`;
      return {
        key,
        result: referTo(manifest),
        failure: { class: 'NoEffect', message, attempt: manifest.attempt, ...NO_POD },
      };
    },

    /**
     * Claims the next attempt and starts its job, or returns who runs the stage. At most one execution of a stage may
     * run. So an older execution is stopped first if its owner has ended, or if it belongs to an earlier run of the
     * same campaign.
     */
    async startAttempt(start: StartAttempt): Promise<Started> {
      const dir = stageDir(store, start.key);
      const owner = `${start.campaignId}/${start.request.name}`;
      const planned = await readStageFileIfValid(dir);
      const sources = sourcesOf(start.request);
      if (planned === null || versionOf(sources) !== planned.codeVersion) return { kind: 'replan' };
      // Another version, whose programs can do more, may have admitted the campaign.
      refuseUnsupportedStage(start.request, engines);
      const fault = await faultInInputs(planned);
      if (fault !== null) return fault;
      await writeSources(dir, sources);
      for (;;) {
        const before = await latestClaim(dir);
        if (before !== null && before.execution !== start.token) {
          const isHeld = before.released === undefined && before.unreadable === undefined;
          if (before.owner !== owner && isHeld && (await isOpen(before.owner))) {
            return { kind: 'busy', owner: before.owner };
          }
          // Its owner may have finished the stage since it was resolved: it seals the stage before it closes.
          const manifest = await validManifest(store, planned, logDamage(planned));
          if (manifest !== null) return { kind: 'finished', result: referTo(manifest) };
          if (before.unreadable === undefined) {
            const [campaignId = '', ...stage] = before.owner.split('/');
            await executor.suspend(jobName(campaignId, stage.join('/'), start.key, before.attempt, before.execution));
          } else {
            log.warn(
              { attempt: before.attempt, why: before.unreadable },
              'unreadable claim: the jobs of the stage are stopped',
            );
            const jobs = (await executor.list()).filter(({ key }) => key === start.key);
            for (const { name } of jobs) await executor.suspend(name);
          }
        }
        const attempt = await claimAfter(dir, before?.attempt ?? null, owner, start.token);
        if (attempt !== null) return { kind: 'started', job: await submit(dir, planned, start, attempt) };
        // Another worker has claimed this number first: read its claim.
      }
    },

    /**
     * Makes the manifest of a stage from the parts of its pods. A part that is missing after exit code 0 counts as a
     * crash. Parts without any effect are not sealed.
     */
    async sealStage({ mayBeEmpty = false, ...job }: JobRef & { mayBeEmpty?: boolean | undefined }): Promise<Sealed> {
      const dir = stageDir(store, job.key);
      try {
        const stage = await readStageFile(dir);
        const noEffect = await noEffectOfParts(dir, stage, job, mayBeEmpty);
        if (noEffect !== null) {
          const failure = { class: 'NoEffect' as const, message: noEffect, attempt: job.attempt, ...NO_POD };
          return { kind: 'incomplete', outcome: { kind: 'failed', failure } };
        }
        const manifest = await seal(store, stage, job.publishers, job.attempt);
        return { kind: 'sealed', result: referTo(manifest) };
      } catch (error) {
        const outcome = outcomeOfSealing(error, job.attempt);
        if (outcome === null) throw error;
        return { kind: 'incomplete', outcome };
      }
    },
  };
}

/** Fields of a failure that no pod reported. */
const NO_POD = { exitCode: null, part: null, node: null } as const;

/**
 * Why complete parts are not sealed: the work had no effect. If the cause may lie outside the stage, the parts are set
 * aside, so that another attempt does the work again. Null if nothing speaks against sealing.
 */
async function noEffectOfParts(
  dir: string,
  stage: StageFile,
  { publishers, attempt }: JobRef,
  mayBeEmpty: boolean,
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

/**
 * The outcome for parts that are missing, do not parse, or were set aside as damaged: another attempt makes them. Null
 * if the error has another cause.
 */
function outcomeOfSealing(error: unknown, attempt: number): Outcome | null {
  if (error instanceof MissingPartsError) {
    return failed('Crashed', `ended with exit code 0, but ${error.message}`, attempt, 0);
  }
  return error instanceof CorruptFileError ? failed('Crashed', error.message, attempt, 0) : null;
}

const failed = (failure: FailureClass, message: string, attempt: number, exitCode: number | null): Outcome => ({
  kind: 'failed',
  failure: { class: failure, message, attempt, exitCode, part: null, node: null },
});

/** Placeholder for a key that is not computed yet. */
const NO_KEY = '0'.repeat(64);

/** Optimizer step of the `count`-th newest checkpoint. The next attempt resumes only from earlier ones. */
async function stepToAvoid(dir: string, count: number): Promise<number | null> {
  if (count === 0) return null;
  const names = await readdir(checkpointsDir(dir)).catch(() => []);
  const steps = [...new Set(names.flatMap((name) => /^step-(\d+)-attempt-\d+$/.exec(name)?.[1] ?? []).map(Number))];
  return steps.sort((a, b) => b - a)[Math.min(count, steps.length) - 1] ?? null;
}
