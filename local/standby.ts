import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { basename, join } from 'node:path';
import { JOB_ID, newJobId, standbyFolder, standbyLogPath } from './job-folder.ts';
import { findMarked } from './processes.ts';

/** A supervisor that waits for a job. */
export interface StandbySupervisor {
  /**
   * The id of its future job. The process has it in its environment from the start, so a search for the processes of
   * the job finds it.
   */
  readonly id: string;
  /**
   * Assigns the job in this folder. The record of the job must exist.
   * @param onEnd - called when the process has ended: one that is being killed never reads the folder
   * @returns false if it cannot take the job; another supervisor may then be started
   */
  take(folder: string, onEnd: () => void): Promise<boolean>;
  /** Ends it without a job. */
  release(): void;
}

/**
 * Supervisors that start before there is a job, so that no job waits for an interpreter and its modules. They wait on a
 * pipe from their worker, and end when that closes, however the worker ends. After {@link StandbySupervisor.take} a
 * supervisor is like any other, and outlives the worker.
 */
export interface Standby extends Disposable {
  /**
   * Returns one for exclusive use. The caller must let it take a job, give it back, or release it. Null if none waits.
   */
  next(): StandbySupervisor | null;
  /** Takes back one whose id no job has. */
  giveBack(supervisor: StandbySupervisor): void;
}

export interface StandbyOptions {
  readonly home: string;
  /** Number of supervisors to keep waiting. */
  readonly count: number;
  /** Starts one with `id` in its environment, a pipe as stdin, and `log` for its output. */
  readonly start: (id: string, log: number) => ChildProcess;
}

/**
 * Delay before the next one starts, so that the job that took the last one has started: on a small machine they would
 * slow each other down. *Ours*.
 */
const REFILL_AFTER_MS = 1000;
/** A newer log may belong to a supervisor that is starting. */
const ORPHANED_LOG_MS = 60_000;

export function keepStandby({ home, count, start }: StandbyOptions): Standby {
  const waiting: WaitingSupervisor[] = [];
  let due = 0;
  let closed = false;
  // The next worker removes what cannot be removed now.
  if (count > 0) removeOrphanedLogs(home).catch(() => undefined);
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
          refill(); // the disk is full, or the machine has too many processes; jobs then start without standby
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
    // It must not keep the worker alive. A write to an ended process reports the error itself.
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
    const isWritten = await promise;
    this.release();
    return isWritten;
  }

  release(): void {
    this.child.stdin?.end();
  }
}

/** Removes empty logs of standby supervisors that were killed together with their worker. */
async function removeOrphanedLogs(home: string): Promise<void> {
  for (const name of await readdir(standbyFolder(home))) {
    const path = join(standbyFolder(home), name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs < ORPHANED_LOG_MS || (await findMarked(JOB_ID, basename(name, '.log'))).length > 0)
      continue;
    await rm(path, { force: true });
  }
}
