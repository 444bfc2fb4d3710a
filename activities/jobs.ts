import { activityInfo, cancellationSignal, heartbeat } from '@temporalio/activity';
import type { JobObservation, Outcome, Progress } from '../spec/index.ts';
import { readProgress, releaseClaim, stageDir } from '../store/index.ts';
import type { Deps } from './deps.ts';
import type { JobRef } from './job-request.ts';
import { progressSchedule } from './progress-schedule.ts';

/** What `awaitJob` remembers over a change of worker. */
interface Watched {
  readonly progress: Progress | null;
  /** Time without growth of `progress.done`, in ms: of watching alone, so that neither a stepped clock nor a sleeping laptop counts. */
  readonly idleMs: number;
}

const BEAT_MS = 1000;
/** A beat that took longer than this was no beat: the machine slept. */
const LONGEST_BEAT_MS = 10 * BEAT_MS;

/** Watching and ending jobs. All may run twice, on two workers. */
export function createJobActivities({ store, executor, outcomeOf, client, log }: Deps) {
  /** Heartbeats while `act` runs, so that a dead worker is noticed and another takes over. */
  async function beating<T>(act: () => Promise<T>): Promise<T> {
    const timer = setInterval(() => heartbeat(), BEAT_MS);
    try {
      return await act();
    } finally {
      clearInterval(timer);
    }
  }

  return {
    releaseStage,

    /**
     * Watches a job to its end. Its heartbeat carries the progress, which the CLI reads; the campaign is told more sparsely, so that
     * its history stays small. A job without progress for its stall limit is stopped and reported as stalled.
     */
    async awaitJob(job: JobRef): Promise<Outcome> {
      const abort = new AbortController();
      const signal = AbortSignal.any([cancellationSignal(), abort.signal]);
      let watched: Watched = (activityInfo().heartbeatDetails as Watched | undefined) ?? {
        progress: null,
        idleMs: 0,
      };
      const due = progressSchedule();
      let stalled = false;
      let lookedAt = performance.now();

      const look = async (): Promise<void> => {
        const progress = await readProgress(stageDir(store, job.key), job.publishers, job.attempt);
        const grew = progress !== null && progress.done !== watched.progress?.done;
        const sinceLast = Math.min(performance.now() - lookedAt, LONGEST_BEAT_MS);
        lookedAt = performance.now();
        watched = { progress, idleMs: grew ? 0 : watched.idleMs + sinceLast };
        heartbeat(watched);
        if (progress !== null && due(Date.now())) await tellCampaign(job, progress);
        if (watched.idleMs > job.stallTimeoutSeconds * 1000) {
          stalled = true;
          abort.abort();
        }
      };
      const timer = setInterval(() => {
        look().catch((error: unknown) => log.warn({ job: job.name, err: error }, 'progress could not be read'));
      }, BEAT_MS);

      try {
        const last = await lastObservation(executor.watch(job.name, signal));
        if (stalled) return await stopStalled(job);
        cancellationSignal().throwIfAborted();
        if (last === null) return lost(job);
        return outcomeOf(last, job.attempt);
      } finally {
        clearInterval(timer);
      }
    },

    /** SIGTERM, the grace, SIGKILL; returns when none of its processes is left. */
    suspendJob: (job: JobRef): Promise<void> => beating(() => executor.suspend(job.name)).then(() => releaseStage(job)),

    /** The same, and forgets the job: for a cancelled stage. */
    stopJob: (job: JobRef): Promise<void> => beating(() => executor.stop(job.name)).then(() => releaseStage(job)),
  };

  /** Nothing of the attempt runs any more: another campaign may take the stage up. */
  function releaseStage({ key, attempt }: Pick<JobRef, 'key' | 'attempt'>): Promise<void> {
    return releaseClaim(stageDir(store, key), attempt);
  }

  async function tellCampaign(job: JobRef, progress: Progress): Promise<void> {
    // Typed by name: activities know no workflow code.
    await client.workflow
      .getHandle(job.campaignId)
      .signal('stageProgress', { campaignRun: job.campaignRun, stage: job.stage, progress });
  }

  async function stopStalled(job: JobRef): Promise<Outcome> {
    await beating(() => executor.suspend(job.name));
    const message = `no progress for ${job.stallTimeoutSeconds} s`;
    return { kind: 'failed', failure: { class: 'Stalled', message, attempt: job.attempt, exitCode: null, part: null } };
  }
}

async function lastObservation(observations: AsyncIterable<JobObservation>): Promise<JobObservation | null> {
  let last: JobObservation | null = null;
  for await (const observation of observations) last = observation;
  return last;
}

/** The executor has no record of the job: someone removed it while we looked elsewhere. */
function lost(job: JobRef): Outcome {
  const message = `the record of job ${job.name} is gone`;
  return { kind: 'failed', failure: { class: 'Crashed', message, attempt: job.attempt, exitCode: null, part: null } };
}
