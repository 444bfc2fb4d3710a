/**
 * Runs the pods of one job: `node local/supervisor.ts <folder of the job>`. It outlives the worker that started it, and tells how the job
 * stands in `state.json` alone, so that any later worker finds it. SIGTERM suspends the job.
 */
import { setMaxListeners } from 'node:events';
import { access } from 'node:fs/promises';
import type { JobObservation, PodState } from '../spec/index.ts';
import { createExclusive, readJson, writeFileAtomic } from '../store/index.ts';
import {
  JOB_ID,
  jobPath,
  LocalJob,
  pendingJob,
  type SupervisorRecord,
  statePath,
  stopPath,
  supervisorPath,
} from './job-folder.ts';
import { runPod } from './pod.ts';
import { freePort } from './ports.ts';
import { killMarked, processStart } from './processes.ts';

const folder = process.argv[2];
if (folder === undefined) throw new Error('expected the folder of a job: node local/supervisor.ts <folder>');

// Heard from the first moment on: who signals has read our pid in supervisor.json, which comes later.
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
process.on('SIGINT', () => stop.abort());

const job = await readJson(jobPath(folder), LocalJob);
const record: SupervisorRecord = { pid: process.pid, start: (await processStart(process.pid)) ?? '' };
// The file decides between supervisors that were started at the same time.
if (await createExclusive(supervisorPath(folder), JSON.stringify(record))) await supervise(folder, job);
process.exit(0);

async function supervise(folder: string, job: LocalJob): Promise<void> {
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

  const parts = Array.from({ length: request.parts }, (_, part) => part).values();
  const runInTurn = async () => {
    // All share one iterator, so each part is run by whoever is free first.
    for (const part of parts) {
      if (end.aborted) return;
      state.change({ phase: 'running' }, part, { phase: 'running', startedAt: now() });
      const pod = await runPod(job, part, masterPort, end);
      if (pod.phase === 'failed') gangBroken.abort();
      state.change({}, part, { ...pod, finishedAt: now() });
    }
  };
  await Promise.all(Array.from({ length: Math.min(request.parallelism, request.parts) }, runInTurn));

  // Programs may have started processes in groups of their own.
  await killMarked(JOB_ID, job.id);
  const succeeded = state.current().pods.every(({ phase }) => phase === 'succeeded');
  state.change({ phase: succeeded ? 'succeeded' : stop.signal.aborted ? 'stopped' : 'failed' });
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
      await writeFileAtomic(path, JSON.stringify(current));
    });
    return writing;
  };
  return {
    current: () => current,
    written: write,
    change(job: Partial<JobObservation>, part?: number, pod: Partial<PodState> = {}): void {
      const pods = current.pods.map((old) => (old.part === part ? { ...old, ...pod } : old));
      current = { ...current, ...job, pods };
      dirty = true;
      void write();
    },
  };
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
