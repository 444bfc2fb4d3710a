import { cancellationSignal } from '@temporalio/activity';
import type { JobObservation, JobRef } from '../executor/index.ts';
import { type ExecutionFacts, type KeptWork, type Outcome, type Progress, progressOfAll } from '../spec/index.ts';
import { readPartsProgress, readStageFileIfValid, releaseClaim, stageDir } from '../store/index.ts';
import { unscheduled } from './capacity.ts';
import type { Deps } from './deps.ts';
import { readStall, saveDiagnosis } from './diagnosis.ts';
import { factsOf } from './facts.ts';
import { keptWork } from './kept.ts';
import { progressSchedule } from './progress-schedule.ts';
import { watchProgress } from './progress-watch.ts';
import type { Stall } from './stall.ts';

/** How an execution ended, and what is known of its times. */
export interface Ended {
  readonly outcome: Outcome;
  readonly facts: ExecutionFacts;
}

/** Watching and ending jobs. All may run twice, on two workers. */
export function createJobActivities({ store, executor, client, log }: Deps) {
  return {
    /** Nothing of the attempt runs any more: another campaign may take the stage up. */
    releaseStage: ({ key, attempt }: Pick<JobRef, 'key' | 'attempt'>): Promise<void> =>
      releaseClaim(stageDir(store, key), attempt),

    /**
     * Watches a job to its end. Its heartbeat carries the progress, which the CLI reads; the campaign is told more sparsely, so that
     * its history stays small. A job without progress for its stall limit is stopped and reported as stalled.
     */
    async awaitJob(job: JobRef): Promise<Ended> {
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
        says: () => last?.message ?? null,
        stallTimeoutSeconds: job.stallTimeoutSeconds,
        onProgress: async (progress) => {
          if (due(performance.now())) await tellCampaign(job, progress);
        },
        onStall: (found) => {
          stall = found;
          stalled.abort();
        },
        log: log.child({ job: job.name }),
      });
      const ended = async (outcome: Outcome, observed: JobObservation | null): Promise<Ended> => {
        const reports = await read();
        const kept = outcome.kind === 'failed' ? await keptBy(job, reports, outcome.failure.part) : null;
        return { outcome, facts: factsOf(observed, progressOfAll(reports), job.attempt, kept) };
      };
      try {
        const signal = AbortSignal.any([cancellationSignal(), stalled.signal]);
        for await (const observation of executor.watch(job.name, signal)) last = observation;
        if (stall !== null) return await ended(await stopStalled(job, stall), await executor.observe(job.name));
        cancellationSignal().throwIfAborted();
        if (last === null) return await ended((await unscheduled(store, job)) ?? lost(job), last);
        // Who found it stalled may have died before it could say so.
        const before = last.phase === 'stopped' ? await readStall(store, job) : null;
        return await ended(before === null ? executor.outcome(last, job.attempt) : stalledOutcome(job, before), last);
      } finally {
        watch.stop();
      }
    },

    /** SIGTERM, the grace, SIGKILL; returns when none of its processes is left. */
    async suspendJob({ name, key, attempt }: JobRef): Promise<void> {
      await executor.suspend(name);
      await releaseClaim(stageDir(store, key), attempt);
    },

    /** The same, and forgets the job: for a cancelled stage. */
    async stopJob({ name, key, attempt }: JobRef): Promise<void> {
      await executor.stop(name);
      await releaseClaim(stageDir(store, key), attempt);
    },
  };

  async function tellCampaign(job: JobRef, progress: Progress): Promise<void> {
    // Typed by name: activities know no workflow code.
    await client.workflow
      .getHandle(job.campaignId)
      .signal('stageProgress', { campaignRun: job.campaignRun, stage: job.stage, progress });
  }

  /** What an execution has kept: of the shard that failed, else of the stage. */
  async function keptBy(
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
    const told = await saveDiagnosis(store, executor, job, stall).catch((error: unknown) => {
      // A job that cannot be diagnosed is stopped all the same.
      log.warn({ job: job.name, err: error }, 'no diagnosis could be kept');
      return { ...stall, words: `${stall.words}; what it was doing could not be kept` };
    });
    cancellationSignal().throwIfAborted();
    await executor.suspend(job.name);
    const last = await executor.observe(job.name);
    return last?.phase === 'succeeded' ? executor.outcome(last, job.attempt) : stalledOutcome(job, told);
  }
}

const stalledOutcome = (job: JobRef, { words, part, node }: Stall): Outcome => ({
  kind: 'failed',
  failure: { class: 'Stalled', message: words, exitCode: null, part, node, attempt: job.attempt },
});

/** Of a failure that no pod told of. */
const NOT_TOLD = { exitCode: null, part: null, node: null } as const;

/** The executor has no record of the job: someone removed it while we looked elsewhere. */
function lost(job: JobRef): Outcome {
  const message = `the record of job ${job.name} is gone`;
  return { kind: 'failed', failure: { class: 'Crashed', message, ...NOT_TOLD, attempt: job.attempt } };
}
