/**
 * Runs the pods of one job: `node local/supervisor.ts <folder of the job>`, or `--spare`: then it waits to be told the folder (standby.ts). It
 * outlives the worker that gave it its job, and tells how the job stands in `state.json` alone, so that any later worker finds it. SIGTERM
 * suspends the job.
 */
import { setMaxListeners } from 'node:events';
import { access, rename, rm, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { addAbortSignal } from 'node:stream';
import type { JobObservation, PodState } from '../executor/index.ts';
// By file and not by index: the supervisor of every job waits for what is imported here.
import { FAILURES } from '../spec/failures.ts';
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

// Heard from the first moment on: who signals has read our pid in supervisor.json, which comes later.
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
process.on('SIGINT', () => stop.abort());

const folder = process.argv[2] === STANDBY_FLAG ? await folderAsTold() : process.argv[2];
if (folder === undefined) throw new Error('expected the folder of a job: node local/supervisor.ts <folder>');
if (folder === null) process.exit(0);

const job = await readJson(jobPath(folder), LocalJob);
const record: SupervisorRecord = { pid: process.pid, start: (await processStart(process.pid)) ?? '' };
// The file decides between supervisors that were started at the same time.
if (await retryOnDiskError(() => createExclusive(supervisorPath(folder), JSON.stringify(record)))) {
  await supervise(folder, job, record.start);
}
process.exit(0);

async function supervise(folder: string, job: LocalJob, start: string): Promise<void> {
  const { request } = job;
  const state = stateFile(statePath(folder), pendingJob(request));
  await state.written();
  // A stop may have been asked for before there was anyone to signal.
  if (await exists(stopPath(folder))) stop.abort();

  // A gang falls together: without one rank the others wait for ever.
  const gangBroken = new AbortController();
  const end = request.gang ? AbortSignal.any([stop.signal, gangBroken.signal]) : stop.signal;
  setMaxListeners(0, end); // one a pod
  const masterPort = request.gang ? await freePort() : null;
  const places = createPlaces({
    ...{ home: homeOf(folder), host: hostname(), job, pid: process.pid, start, stop: end },
    onWait: (part, message) => state.wait(part, message),
  });

  const parts = Array.from({ length: request.parts }, (_, part) => part).values();
  const runInTurn = async () => {
    // All share one iterator, so each part is run by whoever is free first.
    for (const part of parts) {
      const pod = await runPart(part);
      if (pod === null) return;
      if (pod.phase === 'failed') gangBroken.abort();
      state.change({}, part, pod);
    }
  };
  /** Null when the job was stopped before the part began. */
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
      await places.leave(part);
      return pod;
    } catch (error) {
      const failed = { phase: 'failed', finishedAt: now() } as const;
      if (error instanceof NoPlaceError) return { ...failed, message: error.message };
      // The store, where its log is to lie, or this machine's folder cannot be written to.
      const message = `it could not be started: ${(error as Error).message}`;
      return { ...failed, container: 'main', exitCode: FAILURES.DependencyDown.exitCode, message };
    }
  };
  await Promise.all(Array.from({ length: Math.min(request.parallelism, request.parts) }, runInTurn));

  // Programs may have started processes in groups of their own.
  await killMarked(JOB_ID, job.id);
  await places.leaveAll();
  const succeeded = state.current().pods.every(({ phase }) => phase === 'succeeded');
  state.change({ phase: succeeded ? 'succeeded' : stop.signal.aborted ? 'stopped' : 'failed', message: null });
  await state.written();
}

/** `state.json` and what it will say. Changes are written in order, as many at once as have come together. */
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
    /** Says what a part waits for, null: all that are pending; and as long as none runs, so does the job. */
    wait(part: number | null, message: string): void {
      const { phase, pods } = current;
      const waiting = pods.filter((pod) => pod.phase === 'pending' && (part === null || pod.part === part));
      if (waiting.every((pod) => pod.message === message)) return;
      for (const pod of waiting) change(phase === 'pending' ? { message } : {}, pod.part, { message });
    },
  };
}

/** What the worker says on stdin, in one line; null when it has ended, or this process is to, before there was a job. */
async function folderAsTold(): Promise<string | null> {
  const { [JOB_HOME]: home = '', [JOB_ID]: id = '' } = process.env;
  // What is compiled and looked up at first use is so now.
  LocalJob.safeParse({});
  await processStart(process.pid);
  let told = '';
  try {
    for await (const chunk of addAbortSignal(stop.signal, process.stdin.setEncoding('utf8'))) {
      told += chunk;
      if (told.endsWith('\n')) break;
    }
  } catch {
    // told to end, or the pipe broke
  }
  const log = standbyLogPath(home, id);
  if (!told.endsWith('\n')) {
    await rm(log, { force: true });
    return null;
  }
  const folder = told.trimEnd();
  // Where it cannot be moved it stays where it is, and only words of a break would be missed.
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
