import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { basename, join } from 'node:path';
import { JOB_ID, newJobId, spareLogPath, sparesFolder } from './job-folder.ts';
import { findMarked } from './processes.ts';

/** A supervisor that waits for its job. */
export interface Spare {
  /** To be the id of the job: the process has it in its environment from birth, so that whoever looks for a job's processes finds it. */
  readonly id: string;
  /**
   * Gives it the job in this folder, whose record is there.
   * @param onEnd - called when the process has ended: what was written to one that was just being killed is heard by nobody
   * @returns whether it was told; where not, another may be started
   */
  take(folder: string, onEnd: () => void): Promise<boolean>;
  /** It has no job and will get none: it ends. */
  letGo(): void;
}

/**
 * Supervisors that are started before there is a job for them, so that none has to wait for an interpreter and its modules. A spare waits on
 * a pipe from its worker, and ends when that closes: with the worker, however it ends. From {@link Spare.take} on it is a supervisor like
 * any other, which outlives the worker.
 */
export interface Spares extends Disposable {
  /** A spare for the caller alone, who has to take it, give it back, or let it go. Null where none is waiting. */
  next(): Spare | null;
  /** Of a spare whose id no job was given. */
  giveBack(spare: Spare): void;
}

export interface SparesOptions {
  readonly home: string;
  /** How many to keep waiting. */
  readonly count: number;
  /** Starts one, with `id` in its environment, a pipe for its stdin, and `log` for what it prints. */
  readonly start: (id: string, log: number) => ChildProcess;
}

/** One is not started while the job that took the last begins: on a small machine they would hinder each other. *Ours*. */
const REFILL_AFTER_MS = 1000;
/** A log that is younger may be that of a spare about to be started. */
const LOG_OF_NOBODY_MS = 60_000;

export function keepSpares({ home, count, start }: SparesOptions): Spares {
  const waiting: WaitingSpare[] = [];
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
    mkdirSync(sparesFolder(home), { recursive: true });
    const log = openSync(spareLogPath(home, id), 'a');
    try {
      const spare = new WaitingSpare(id, start(id, log));
      waiting.push(spare);
      spare.child.once('exit', () => {
        if (remove(spare)) refill();
      });
    } finally {
      closeSync(log);
    }
  }

  function remove(spare: WaitingSpare): boolean {
    const at = waiting.indexOf(spare);
    if (at !== -1) waiting.splice(at, 1);
    return at !== -1;
  }

  return {
    next() {
      const spare = waiting.shift() ?? null;
      refill();
      return spare;
    },
    giveBack(spare) {
      const isOne = spare instanceof WaitingSpare && spare.isAlive() && !closed && waiting.length < count;
      if (isOne) waiting.unshift(spare);
      else spare.letGo();
    },
    [Symbol.dispose]() {
      closed = true;
      for (const spare of waiting.splice(0)) spare.letGo();
    },
  };
}

class WaitingSpare implements Spare {
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
    this.letGo();
    return heard;
  }

  letGo(): void {
    this.child.stdin?.end();
  }
}

/** Spares that were killed together with their worker leave an empty log. */
async function removeLogsOfNobody(home: string): Promise<void> {
  for (const name of await readdir(sparesFolder(home))) {
    const path = join(sparesFolder(home), name);
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs < LOG_OF_NOBODY_MS || (await findMarked(JOB_ID, basename(name, '.log'))).length > 0)
      continue;
    await rm(path, { force: true });
  }
}
