import { readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jobHasEnded } from '../executor/index.ts';
import { createExclusive } from '../store/index.ts';
import { JOB_ID, jobPath, stopPath } from './job-folder.ts';
import type { Log } from './log.ts';
import { observe, takePlaceOfSupervisor } from './observe.ts';
import { findMarked, killMarked, sendSignal } from './processes.ts';
import { readJobOrEnd } from './records.ts';

/** Time after the grace of the job in which a supervisor may end the job, before it is killed. */
const BEYOND_GRACE_MS = 30_000;
const CHECK_EVERY_MS = 20;
/** Number of checks for remaining processes before they are killed: a supervisor ends right after its last record. */
const LAST_CHECKS = 50;

/** Asks a job to stop, and returns when none of its processes is left. Its record stays. @param folder - of the job */
export async function suspendJob(folder: string, log: Log): Promise<void> {
  await createExclusive(stopPath(folder), JSON.stringify({ askedAt: new Date().toISOString() }));
  const job = await readJobOrEnd(folder);
  if (job === null) return;
  const supervisor = await takePlaceOfSupervisor(folder);
  const deadline = performance.now() + job.request.graceSeconds * 1000 + BEYOND_GRACE_MS;
  let isSignalled = false;
  for (;;) {
    const seen = await observe(folder);
    if (seen === null || jobHasEnded(seen)) break;
    if (supervisor.pid !== null && (!isSignalled || performance.now() > deadline)) {
      sendSignal(supervisor.pid, isSignalled ? 'SIGKILL' : 'SIGTERM');
      isSignalled = true;
    }
    await sleep(CHECK_EVERY_MS);
  }
  for (let checks = 0; checks < LAST_CHECKS && (await findMarked(JOB_ID, job.id)).length > 0; checks += 1) {
    await sleep(CHECK_EVERY_MS);
  }
  await killMarked(JOB_ID, job.id);
  log.info({ job: job.request.name }, 'job suspended');
}

/** Removes the records of a stopped job except the request to stop, which a late start still finds. */
export async function removeJobRecord(folder: string): Promise<void> {
  // Removed first: without this record there is no job.
  await rm(jobPath(folder), { force: true });
  for (const entry of await readdir(folder)) {
    if (entry !== basename(stopPath(folder))) await rm(join(folder, entry), { force: true });
  }
}
