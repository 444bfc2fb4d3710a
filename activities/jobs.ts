import { cancellationSignal } from '@temporalio/activity';
import type { JobObservation, JobRef } from '../executor/index.ts';
import {
  type ExecutionFacts,
  type KeptWork,
  type ManifestRef,
  type Outcome,
  type Progress,
  progressOfAll,
} from '../spec/index.ts';
import { readPartsProgress, readStageFileIfValid, releaseClaim, stageDir } from '../store/index.ts';
import { unscheduled } from './capacity.ts';
import type { Deps } from './deps.ts';
import { readStall, saveDiagnosis } from './diagnosis.ts';
import { executionFacts } from './facts.ts';
import { keptWork } from './kept.ts';
import { progressSchedule } from './progress-schedule.ts';
import { watchProgress } from './progress-watch.ts';
import { sealParts } from './seal.ts';
import type { Stall } from './stall.ts';

/** The outcome of an execution, its times, and the result of the stage. */
export interface EndedExecution {
  readonly outcome: Outcome;
  readonly facts: ExecutionFacts;
  /** Null unless the outcome is `completed`. */
  readonly result: ManifestRef | null;
}

/** Activities that watch and end jobs. All may run twice, on two workers. */
export function createJobActivities({ store, executor, client, log }: Deps) {
  return {
    /** Releases the claim once nothing of the attempt runs: another campaign may then run the stage. */
    releaseStage: ({ key, attempt }: Pick<JobRef, 'key' | 'attempt'>): Promise<void> =>
      releaseClaim(stageDir(store, key), attempt),

    /**
     * Watches a job until it ends. Its heartbeat carries the progress, which the CLI reads. The campaign gets fewer
     * reports, so that its history stays small. A job without progress for its stall limit is stopped and reported as
     * stalled. The parts of a job that completed are sealed here, which saves the stage a round trip.
     */
    async awaitJob({ mayBeEmpty, ...job }: JobRef & { mayBeEmpty: boolean }): Promise<EndedExecution> {
      const stalled = new AbortController();
      const dir = stageDir(store, job.key);
      const read = () => readPartsProgress(dir, job.publishers, job.attempt);
      const due = progressSchedule();
      let last: JobObservation | null = null;
      let stall = null as Stall | null;
      const watch = watchProgress({
        read,
        pods: () => last?.pods ?? [],
        isGang: job.publishers === 1,
        message: () => last?.message ?? null,
        stallTimeoutSeconds: job.stallTimeoutSeconds,
        onProgress: async (progress) => {
          if (due(performance.now())) await reportToCampaign(job, progress);
        },
        onStall: (detected) => {
          stall = detected;
          stalled.abort();
        },
        log: log.child({ job: job.name }),
      });
      const ended = async (seen: Outcome, observed: JobObservation | null): Promise<EndedExecution> => {
        watch.stop();
        const sealed = seen.kind === 'completed' ? await sealParts(store, { ...job, mayBeEmpty }) : { failed: seen };
        const outcome = 'failed' in sealed ? sealed.failed : seen;
        const reports = await read();
        const kept = outcome.kind === 'failed' ? await keptWorkOf(job, reports, outcome.failure.part) : null;
        const facts = executionFacts(observed, progressOfAll(reports), job.attempt, kept);
        return { outcome, facts, result: 'result' in sealed ? sealed.result : null };
      };
      try {
        const signal = AbortSignal.any([cancellationSignal(), stalled.signal]);
        for await (const observation of executor.watch(job.name, signal)) last = observation;
        if (stall !== null) return await ended(await stopStalled(job, stall), await executor.observe(job.name));
        cancellationSignal().throwIfAborted();
        if (last === null) return await ended((await unscheduled(store, job)) ?? lost(job), last);
        // The worker that found the stall may have died before it could report it.
        const earlierStall = last.phase === 'stopped' ? await readStall(store, job) : null;
        return await ended(
          earlierStall === null ? executor.outcome(last, job.attempt) : stalledOutcome(job, earlierStall),
          last,
        );
      } finally {
        watch.stop();
      }
    },

    /** Sends SIGTERM, and SIGKILL after the grace period. Returns when no process of the job is left. */
    async suspendJob({ name, key, attempt }: JobRef): Promise<void> {
      await executor.suspend(name);
      await releaseClaim(stageDir(store, key), attempt);
    },

    /** Does the same and deletes the record of the job. Used when a stage is cancelled. */
    async stopJob({ name, key, attempt }: JobRef): Promise<void> {
      await executor.stop(name);
      await releaseClaim(stageDir(store, key), attempt);
    },
  };

  async function reportToCampaign(job: JobRef, progress: Progress): Promise<void> {
    // The signal is given by name, because activities import no workflow code.
    await client.workflow
      .getHandle(job.campaignId)
      .signal('stageProgress', { campaignRun: job.campaignRun, stage: job.stage, progress });
  }

  /** The work that an execution has kept: of the shard that failed, else of the stage. */
  async function keptWorkOf(
    job: JobRef,
    reports: readonly (Progress | null)[],
    failed: number | null,
  ): Promise<KeptWork | null> {
    const dir = stageDir(store, job.key);
    const stage = await readStageFileIfValid(dir);
    if (stage === null) return null;
    const part = reports.length === 1 ? null : failed;
    const progress = part === null ? progressOfAll(reports) : (reports[part] ?? null);
    return await keptWork(dir, stage.kind, progress?.attempt === job.attempt ? progress : null, part);
  }

  async function stopStalled(job: JobRef, stall: Stall): Promise<Outcome> {
    const reported = await saveDiagnosis(store, executor, job, stall).catch((error: unknown) => {
      // A job without a diagnosis is stopped too.
      log.warn({ job: job.name, err: error }, 'diagnosis could not be saved');
      return { ...stall, words: `${stall.words}; its diagnosis could not be saved` };
    });
    cancellationSignal().throwIfAborted();
    await executor.suspend(job.name);
    const last = await executor.observe(job.name);
    return last?.phase === 'succeeded' ? executor.outcome(last, job.attempt) : stalledOutcome(job, reported);
  }
}

const stalledOutcome = (job: JobRef, { words, part, node }: Stall): Outcome => ({
  kind: 'failed',
  failure: { class: 'Stalled', message: words, exitCode: null, part, node, attempt: job.attempt },
});

/** Fields of a failure that no pod reported. */
const NO_POD = { exitCode: null, part: null, node: null } as const;

/** The executor has no record of the job: somebody removed it in between. */
function lost(job: JobRef): Outcome {
  const message = `the record of job ${job.name} is gone`;
  return { kind: 'failed', failure: { class: 'Crashed', message, ...NO_POD, attempt: job.attempt } };
}
