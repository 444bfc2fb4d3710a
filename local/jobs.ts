import { readdir } from 'node:fs/promises';
import PQueue from 'p-queue';
import { type JobObservation, type JobSummary, jobHasEnded } from '../executor/index.ts';
import { isMissing, logPath, stageDir } from '../store/index.ts';
import { jobFolder, jobsFolder } from './job-folder.ts';
import type { Log } from './log.ts';
import { tail } from './log-tail.ts';
import { observe } from './observe.ts';
import { readJob, readJobOrEnd } from './records.ts';
import { watchFolder } from './watch-folder.ts';

/** Number of job folders read at the same time. */
const LISTED_AT_ONCE = 16;
/** File systems do not report every change, and nothing reports the death of a supervisor. */
const CHECK_EVERY_MS = 500;

/** The state of a job now and after every change, until it has ended or `signal` aborts. @param folder - of the job */
export async function* watchJob(folder: string, signal: AbortSignal): AsyncGenerator<JobObservation> {
  using changes = watchFolder(folder);
  let reported = '';
  while (!signal.aborted) {
    const changed = changes.next(CHECK_EVERY_MS, signal);
    const job = await observe(folder);
    if (job === null) return;
    const text = JSON.stringify(job);
    if (text !== reported) yield job;
    reported = text;
    if (jobHasEnded(job)) return;
    await changed;
  }
}

/** The last log lines of the failed pods of a job, or of all pods if none failed. */
export async function logsOf(folder: string, limits: { maxLines: number; maxBytes: number }): Promise<string> {
  const [job, seen] = [await readJobOrEnd(folder), await observe(folder)];
  if (job === null || seen === null) return '';
  const { request, store } = job;
  const failed = seen.pods.filter(({ phase }) => phase === 'failed');
  const sections: string[] = [];
  for (const { part } of failed.length > 0 ? failed : seen.pods) {
    for (const container of ['policy-server', 'main'] as const) {
      const lines = await tail(logPath(stageDir(store, request.key), request.attempt, part, container), limits);
      if (lines.length > 0) sections.push(`== part ${part}, ${container}\n${lines.join('\n')}\n`);
    }
  }
  return sections.join('\n');
}

/** Every job that has a record. */
export async function listJobs(home: string, log: Log): Promise<JobSummary[]> {
  const names = await readdir(jobsFolder(home)).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  const queue = new PQueue({ concurrency: LISTED_AT_ONCE });
  const jobs = await queue.addAll(names.map((name) => () => summaryOf(home, name, log)));
  return jobs.filter((job) => job !== null);
}

/** Null without a record. An unreadable record is also null, and logged, so that the other jobs are listed. */
async function summaryOf(home: string, folderName: string, log: Log): Promise<JobSummary | null> {
  const folder = jobFolder(home, folderName);
  try {
    const job = await readJob(folder);
    if (job !== null && 'unreadable' in job) throw new Error(job.unreadable); // listing jobs ends none
    const seen = await observe(folder);
    if (job === null || seen === null) return null;
    const { name, campaign, stage, key, attempt, ownerRun } = job.request;
    return { name, campaign, stage, key, attempt, ownerRun, phase: seen.phase, submittedAt: job.submittedAt };
  } catch (error) {
    log.warn({ job: folderName, err: error }, 'unreadable job record');
    return null;
  }
}
