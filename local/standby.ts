import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { basename, join } from 'node:path';
import { JOB_ID, newJobId, standbyFolder, standbyLogPath } from './job-folder.ts';
import { findMarked } from './processes.ts';

/** A supervisor that waits for its job. */
export interface StandbySupervisor {
  /** The id of its future job. The process has it in its environment from its start, so a search for the job's processes finds it. */
  readonly id: string;
  /**
   * Gives it the job in this folder. The record of the job must exist.
   * @param onEnd - called when the process has ended: one that is being killed never reads what was written to it
   * @returns false where it cannot take the job: another may be started
   */
  take(folder: string, onEnd: () => void): Promise<boolean>;
  /** Ends it: it will get no job. */
  release(): void;
}

/**
 * Supervisors that start before there is a job for them, so that no job waits for an interpreter and its modules. They wait on a pipe from their
 * worker and end when that closes: with the worker, however it ends. After {@link StandbySupervisor.take} a supervisor is like any other, and
 * outlives the worker.
 */
export interface Standby extends Disposable {
  /** One for the caller alone, who must let it take a job, give it back, or release it. Null where none waits. */
  next(): StandbySupervisor | null;
  /** For one whose id no job has. */
  giveBack(supervisor: StandbySupervisor): void;
}

export interface StandbyOptions {
  readonly home: string;
  /** How many to keep waiting. */
  readonly count: number;
  /** Starts one, with `id` in its environment, a pipe for its stdin, and `log` for what it prints. */
  readonly start: (id: string, log: number) => ChildProcess;
}

/** The next one starts after the job that took the last has begun: on a small machine they would slow each other down. *Ours*. */
const REFILL_AFTER_MS = 1000;
/** A younger log may belong to a supervisor that is about to start. */
const LOG_OF_NOBODY_MS = 60_000;

export function keepStandby({ home, count, start }: StandbyOptions): Standby {
  const waiting: WaitingSupervisor[] = [];
  let due = 0;
  let closed = false;
  // What cannot be removed now, the next worker removes.
  if (count > 0) removeLogsOfNobody(home).catch(() => undefined);
  refill();

  function refill(): void {
    while (!closed && waiting.length + due < count) {
      due += 1;
      setTimeout(() => {
        due -= 1;
        if (closed) return;
        try {
          add();
        } catch {
          refill(); // the disk is full, or the machine out of processes; jobs start without
        }
      }, REFILL_AFTER_MS).unref();
    }
  }

  function add(): void {
    const id = newJobId();
    mkdirSync(standbyFolder(home), { recursive: true });
    const log = openSync(standbyLogPath(home, id), 'a');
    try {
      const supervisor = new WaitingSupervisor(id, start(id, log));
      waiting.push(supervisor);
      supervisor.child.once('exit', () => {
        if (remove(supervisor)) refill();
      });
    } finally {
      closeSync(log);
    }
  }

  function remove(supervisor: WaitingSupervisor): boolean {
    const at = waiting.indexOf(supervisor);
    if (at !== -1) waiting.splice(at, 1);
    return at !== -1;
  }

  return {
    next() {
      const supervisor = waiting.shift() ?? null;
      refill();
      return supervisor;
    },
    giveBack(supervisor) {
      const isOne =
        supervisor instanceof WaitingSupervisor && supervisor.isAlive() && !closed && waiting.length < count;
      if (isOne) waiting.unshift(supervisor);
      else supervisor.release();
    },
    [Symbol.dispose]() {
      closed = true;
      for (const supervisor of waiting.splice(0)) supervisor.release();
    },
  };
}

class WaitingSupervisor implements StandbySupervisor {
  readonly id: string;
  readonly child: ChildProcess;

  constructor(id: string, child: ChildProcess) {
    this.id = id;
    this.child = child;
    // It keeps no worker from ending; and what is written to one that has ended is told by the write itself.
    child.unref();
    child.on('error', () => undefined);
    const pipe = child.stdin as Socket | null;
    pipe?.unref();
    pipe?.on('error', () => undefined);
  }

  isAlive(): boolean {
    return this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  async take(folder: string, onEnd: () => void): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    if (!this.isAlive() || this.child.stdin === null) return false;
    this.child.once('exit', onEnd);
    this.child.stdin.write(`${folder}\n`, (error) => resolve(!error));
    const heard = await promise;
    this.release();
    return heard;
  }

  release(): void {
    this.child.stdin?.end();
  }
}

/** Standby that were killed together with their worker leave an empty log. */
async function removeLogsOfNobody(home: string): Promise<void> {
  for (const name of await readdir(standbyFolder(home))) {
    const path = join(standbyFolder(home), name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs < LOG_OF_NOBODY_MS || (await findMarked(JOB_ID, basename(name, '.log'))).length > 0)
      continue;
    await rm(path, { force: true });
  }
}
