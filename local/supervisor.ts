/**
 * Runs the pods of one job: `node local/supervisor.ts <folder of the job>`, or with `--spare`, which reads the folder
 * from stdin (standby.ts). It outlives the worker that started it, and reports the state of the job only in
 * `state.json`, so that any later worker finds it. SIGTERM suspends the job.
 */
import { setMaxListeners } from 'node:events';
import { access, rename, rm, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { addAbortSignal } from 'node:stream';
import type { JobObservation, PodState } from '../executor/index.ts';
// By file and not by index: the supervisor of every job waits for what is imported here.
import { FAILURES } from '../spec/failure-table.ts';
import { createExclusive, readJson, writeFileAtomic } from '../store/files.ts';
import { retryOnDiskError } from './disk-retry.ts';
import {
  homeOf,
  JOB_HOME,
  JOB_ID,
  jobPath,
  LocalJob,
  pendingJob,
  STANDBY_FLAG,
  type SupervisorRecord,
  standbyLogPath,
  statePath,
  stopPath,
  supervisorLogPath,
  supervisorPath,
} from './job-folder.ts';
import { createPlaces, NoPlaceError } from './placement.ts';
import { runPod } from './pod.ts';
import { freePort } from './ports.ts';
import { killMarked, processStart } from './processes.ts';

// Handled from the start: whoever signals has read the pid in supervisor.json, which is written later.
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
process.on('SIGINT', () => stop.abort());

const folder = process.argv[2] === STANDBY_FLAG ? await folderFromStdin() : process.argv[2];
if (folder === undefined) throw new Error('expected the folder of a job: node local/supervisor.ts <folder>');
if (folder === null) process.exit(0);

const job = await readJson(jobPath(folder), LocalJob);
const record: SupervisorRecord = { pid: process.pid, start: (await processStart(process.pid)) ?? '' };
// Of several supervisors that started at the same time, the one that creates this file runs the job.
if (await retryOnDiskError(() => createExclusive(supervisorPath(folder), JSON.stringify(record)))) {
  await supervise(folder, job, record.start);
}
process.exit(0);

async function supervise(folder: string, job: LocalJob, start: string): Promise<void> {
  const { request } = job;
  const state = stateFile(statePath(folder), pendingJob(request));
  await state.written();
  // A stop may have been requested before this process could be signalled.
  if (await exists(stopPath(folder))) stop.abort();

  // Without one rank the others of a gang would wait for ever, so a failed rank ends all.
  const gangBroken = new AbortController();
  const end = request.gang ? AbortSignal.any([stop.signal, gangBroken.signal]) : stop.signal;
  setMaxListeners(0, end); // one a pod
  const masterPort = request.gang ? await freePort() : null;
  const places = createPlaces({
    home: homeOf(folder),
    host: hostname(),
    job,
    pid: process.pid,
    start,
    stop: end,
    onWait: (part, message) => state.wait(part, message),
  });

  const parts = Array.from({ length: request.parts }, (_, part) => part).values();
  const runInTurn = async () => {
    // All loops share one iterator, so the next free loop runs the next part.
    for (const part of parts) {
      const pod = await runPart(part);
      if (pod === null) return;
      if (pod.phase === 'failed') gangBroken.abort();
      state.change({}, part, pod);
    }
  };
  /** Null if the job was stopped before the part started. */
  const runPart = async (part: number): Promise<Partial<PodState> | null> => {
    try {
      const place = end.aborted ? null : await places.placeFor(part);
      if (place === null || end.aborted) return null;
      const { node, gpus } = place;
      state.change({ phase: 'running', message: null }, part, {
        phase: 'running',
        node,
        message: null,
        startedAt: now(),
      });
      const pod = { ...(await runPod(job, { folder, part, gpus, masterPort }, end)), finishedAt: now() };
      await places.release(part);
      return pod;
    } catch (error) {
      const failed = { phase: 'failed', finishedAt: now() } as const;
      if (error instanceof NoPlaceError) return { ...failed, message: error.message };
      // The store (for its log) or the folder of this machine cannot be written.
      const message = `it could not be started: ${(error as Error).message}`;
      return { ...failed, container: 'main', exitCode: FAILURES.DependencyDown.exitCode, message };
    }
  };
  await Promise.all(Array.from({ length: Math.min(request.parallelism, request.parts) }, runInTurn));

  // Programs may have started processes in other groups.
  await killMarked(JOB_ID, job.id);
  await places.releaseAll();
  const succeeded = state.current().pods.every(({ phase }) => phase === 'succeeded');
  state.change({ phase: succeeded ? 'succeeded' : stop.signal.aborted ? 'stopped' : 'failed', message: null });
  await state.written();
}

/** Writes `state.json`. Changes are written in order; changes that come together are written at once. */
function stateFile(path: string, initial: JobObservation) {
  let current = initial;
  let dirty = true;
  let writing = Promise.resolve();
  const write = (): Promise<void> => {
    writing = writing.then(async () => {
      if (!dirty) return;
      dirty = false;
      await retryOnDiskError(() => writeFileAtomic(path, JSON.stringify(current)));
    });
    return writing;
  };
  const change = (job: Partial<JobObservation>, part?: number, pod: Partial<PodState> = {}): void => {
    const pods = current.pods.map((old) => (old.part === part ? { ...old, ...pod } : old));
    current = { ...current, ...job, pods };
    dirty = true;
    void write();
  };
  return {
    current: () => current,
    written: write,
    change,
    /** Sets what a part waits for; null: all pending parts. If no part runs, the job waits for it too. */
    wait(part: number | null, message: string): void {
      const { phase, pods } = current;
      const waiting = pods.filter((pod) => pod.phase === 'pending' && (part === null || pod.part === part));
      if (waiting.every((pod) => pod.message === message)) return;
      for (const pod of waiting) change(phase === 'pending' ? { message } : {}, pod.part, { message });
    },
  };
}

/**
 * The folder that the worker writes to stdin, in one line; null if the worker has ended, or this process must end,
 * before there was a job.
 */
async function folderFromStdin(): Promise<string | null> {
  const { [JOB_HOME]: home = '', [JOB_ID]: id = '' } = process.env;
  // Warms up what is compiled and loaded at first use.
  LocalJob.safeParse({});
  await processStart(process.pid);
  let received = '';
  try {
    for await (const chunk of addAbortSignal(stop.signal, process.stdin.setEncoding('utf8'))) {
      received += chunk;
      if (received.endsWith('\n')) break;
    }
  } catch {
    // this process was asked to end, or the pipe broke
  }
  const log = standbyLogPath(home, id);
  if (!received.endsWith('\n')) {
    await rm(log, { force: true });
    return null;
  }
  const folder = received.trimEnd();
  // If it cannot be moved it stays; only the output of a failure would be missed.
  await rename(log, supervisorLogPath(folder)).catch(() => undefined);
  await utimes(supervisorLogPath(folder), new Date(), new Date()).catch(() => undefined);
  return folder;
}

function now(): string {
  return new Date().toISOString();
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
