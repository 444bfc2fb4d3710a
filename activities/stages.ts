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
  /** Of an equal stage that is finished; null while there is none. */
  readonly result: ManifestRef | null;
  /** Why that result is of no use to this campaign. */
  readonly failure?: Failure | undefined;
}

export type Started =
  | { readonly kind: 'started'; readonly job: JobRef }
  /** Another campaign is at it. */
  | { readonly kind: 'busy'; readonly owner: string }
  /** The code has changed since the stage was resolved: its key is another now. */
  | { readonly kind: 'replan' }
  /** Another campaign has just finished it. */
  | { readonly kind: 'finished'; readonly result: ManifestRef }
  /** No attempt was claimed: an input is not what the campaign planned with. */
  | { readonly kind: 'refused'; readonly outcome: Outcome };
export type Sealed =
  | { readonly kind: 'sealed'; readonly result: ManifestRef }
  | { readonly kind: 'incomplete'; readonly outcome: Outcome };

/** From a stage that is asked for to a claimed execution of it, and from its parts to its manifest. */
export function createStageActivities({ store, projectRoot, inputs, executor, engines, client, log }: Deps) {
  /** Whether the workflow that owns a claim is open. Silence is no answer: then it throws, and is asked again. */
  const isOpen = async (workflowId: string) => isOpenInStore(client, await storeId(store), { workflowId });

  /** The code of the stage's programs on this machine. */
  const codeOf = (request: StageRequest): StageSources =>
    sourcesOfStage(programsOf(request), { projectRoot, kind: request.kind, domain: request.domain.name });

  /** Tells of everything in the store that did not hold. */
  const rejected =
    ({ key, kind }: Pick<StageFile, 'key' | 'kind'>) =>
    (why: string, then: string) =>
      log.warn({ key, kind, why }, `damaged data in the store: ${then}`);

  /** Inputs whose manifests were damaged since are mended first; null where all are what the campaign planned with. */
  async function faultInInputs(stage: StageFile): Promise<Extract<Started, { kind: 'refused' }> | null> {
    for (const [role, input] of Object.entries(stage.inputs)) {
      try {
        await repairInput(store, inputForKey(stage.kind, input), rejected(input));
      } catch (error) {
        if (!(error instanceof CorruptFileError || error instanceof OtherVersionError)) throw error;
        const message = `input "${role}": ${error.message}. Cancel the campaign and submit it again: what does not hold is made again`;
        const attempt = (await latestClaim(stageDir(store, stage.key)))?.attempt ?? 0;
        return { kind: 'refused', outcome: failed('InvalidInput', message, attempt, null) };
      }
    }
    return null;
  }

  /** Starts the job of an attempt that is claimed, or adopts it. */
  async function submit(dir: string, stage: StageFile, start: StartAttempt, attempt: number): Promise<JobRef> {
    const { campaignId, campaignRun, request, key, token } = start;
    const job: JobRef = {
      ...{ name: jobName(campaignId, request.name, key, attempt, token), campaignId, campaignRun, key, attempt },
      stage: request.name,
      publishers: publishersOf(stage),
      stallTimeoutSeconds: stage.config.run.stallTimeoutSeconds,
      startedAt: (await firstClaimedAt(dir)) ?? new Date().toISOString(),
    };
    const checkpointBefore = await stepToAvoid(dir, start.earlierCheckpoints);
    const asked = jobRequest(job, start, stage, checkpointBefore);
    const { run } = stage.config;
    const shortage = await executor.capacity(asked, mustFitNow(run));
    // A job that stands has its room, or its place in the queue.
    if (shortage !== null && isGivenUp(shortage, run) && (await executor.observe(job.name)) === null) {
      log.warn({ job: job.name, why: shortage.why }, 'no room for a job, and it is not submitted');
      await noteShortage(store, job, shortage);
    } else {
      await executor.submit(asked);
    }
    return job;
  }

  return {
    /** Names the stage by what goes into it, writes its stage file, and says whether an equal stage is finished. */
    async resolveStage({
      request,
      mayBeEmpty = false,
    }: {
      request: StageRequest;
      mayBeEmpty?: boolean | undefined;
    }): Promise<Resolved> {
      const version = versionOf(codeOf(request));
      const dataFiles =
        request.kind === 'prepare' ? await dataFileDigests(request.data, inputs, cancellationSignal()) : undefined;
      // Parsed first: the key is that of the file as it is written, with what the schema fills in.
      const asked = { ...request, key: NO_KEY, codeVersion: version, ...(dataFiles && { dataFiles }) };
      const parsed = parseOrRefuse(StageFile, asked, `the stage ${request.name}`);
      const stage = { ...parsed, key: stageKey(parsed) };
      const { key } = stage;
      const manifest = await validResult(store, stage, rejected(stage));
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
      const message = `an earlier campaign had this stage, and ${noEffect.words}`;
      return {
        key,
        result: referTo(manifest),
        failure: { class: 'NoEffect', message, attempt: manifest.attempt, ...NOT_TOLD },
      };
    },

    /**
     * Claims the next attempt and starts its job, or says who is at it. An older execution that still lives though its owner is gone (or
     * is this very stage of a campaign that was started anew) is stopped first: no two executions of a stage at a time.
     */
    async startAttempt(start: StartAttempt): Promise<Started> {
      const dir = stageDir(store, start.key);
      const owner = `${start.campaignId}/${start.request.name}`;
      const planned = await readStageFileIfValid(dir);
      const sources = codeOf(start.request);
      if (planned === null || versionOf(sources) !== planned.codeVersion) return { kind: 'replan' };
      // The campaign may have been admitted by an older version, or by one whose programs could do more.
      refuseUnsupportedStage(start.request, engines);
      const unfit = await faultInInputs(planned);
      if (unfit !== null) return unfit;
      await writeSources(dir, sources);
      for (;;) {
        const before = await latestClaim(dir);
        if (before !== null && before.execution !== start.token) {
          const isHeld = before.released === undefined && before.unreadable === undefined;
          if (before.owner !== owner && isHeld && (await isOpen(before.owner))) {
            return { kind: 'busy', owner: before.owner };
          }
          // Its owner may have finished the stage since it was resolved; it seals before it closes.
          const manifest = await validManifest(store, planned, rejected(planned));
          if (manifest !== null) return { kind: 'finished', result: referTo(manifest) };
          if (before.unreadable === undefined) {
            const [campaignId = '', ...stage] = before.owner.split('/');
            await executor.suspend(jobName(campaignId, stage.join('/'), start.key, before.attempt, before.execution));
          } else {
            log.warn({ attempt: before.attempt, why: before.unreadable }, 'claim cannot be read; its jobs are ended');
            const jobs = (await executor.list()).filter(({ key }) => key === start.key);
            for (const { name } of jobs) await executor.suspend(name);
          }
        }
        const attempt = await claimAfter(dir, before?.attempt ?? null, owner, start.token);
        if (attempt !== null) return { kind: 'started', job: await submit(dir, planned, start, attempt) };
        // Another was faster: look at who it is.
      }
    },

    /**
     * Makes the stage’s manifest from the parts that its pods left. Parts that are missing after exit code 0 are a crash; parts in which all
     * work came to nothing are not sealed.
     */
    async sealStage({ mayBeEmpty = false, ...job }: JobRef & { mayBeEmpty?: boolean | undefined }): Promise<Sealed> {
      const dir = stageDir(store, job.key);
      try {
        const stage = await readStageFile(dir);
        const noEffect = await noEffectOfParts(dir, stage, job, mayBeEmpty);
        if (noEffect !== null) {
          const failure = { class: 'NoEffect' as const, message: noEffect, attempt: job.attempt, ...NOT_TOLD };
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

/** Of a failure that no pod told of. */
const NOT_TOLD = { exitCode: null, part: null, node: null } as const;

/**
 * Why parts are not sealed, although all are there: nothing came of the work. Where the cause may lie outside they are set aside, so that
 * another attempt does it anew. Null when there is nothing against them.
 */
async function noEffectOfParts(
  dir: string,
  stage: StageFile,
  { publishers, attempt }: JobRef,
  mayBeEmpty: boolean,
): Promise<string | null> {
  // What another has sealed meanwhile stands. What does not hold, sealing sets aside.
  if (existsSync(manifestPath(dir))) return null;
  const parts = await readParts(dir, publishers).catch((error: unknown) => {
    if (error instanceof CorruptFileError) return [];
    throw error;
  });
  if (parts.length < publishers) return null;
  const found = noEffectOf(stage, sumCounts(parts.map(({ counts }) => counts)), mayBeEmpty);
  if (found?.isJudging) await setWorkAside(dir, attempt);
  return found?.words ?? null;
}

/**
 * Parts that are missing, do not parse, or were taken back because they do not hold, come with another attempt. Null for what is no fault
 * of the parts.
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

/** Stands in the place of a key that is yet to be computed. */
const NO_KEY = '0'.repeat(64);

/** The optimizer step of the `count`-th newest checkpoint; those at or after it are not resumed from. */
async function stepToAvoid(dir: string, count: number): Promise<number | null> {
  if (count === 0) return null;
  const names = await readdir(checkpointsDir(dir)).catch(() => []);
  const steps = [...new Set(names.flatMap((name) => /^step-(\d+)-attempt-\d+$/.exec(name)?.[1] ?? []).map(Number))];
  return steps.sort((a, b) => b - a)[Math.min(count, steps.length) - 1] ?? null;
}
