import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Executor, JobObservation, JobRequest, PodState, Program } from '../../executor/index.ts';
import { createLocalExecutor, type LocalExecutorOptions } from '../../local/index.ts';
import { JOB_HOME } from '../../local/job-folder.ts';
import { findMarked, sendSignal } from '../../local/processes.ts';

const programs = fileURLToPath(new URL('./programs/', import.meta.url));
// Each test has its own folder. All may share compiled TypeScript.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'orrery-test-node-cache');

const silent = { info() {}, warn() {} };

/** A program of tests/local/programs that runs `act`. */
export const doing = (...act: string[]): Program => ({ runtime: 'node', args: [join(programs, 'main.mjs'), ...act] });
export const policyServer = (...act: string[]): Program => ({
  runtime: 'python',
  args: [join(programs, 'policy-server.mjs'), ...act],
});

/** A job of one shard without a policy server; its program ends at once. */
export const aJob = (changes: Partial<JobRequest> = {}): JobRequest => ({
  name: 'demo-search-0123456789-0',
  campaign: 'demo',
  stage: 'search',
  kind: 'search',
  arm: null,
  key: 'a'.repeat(64),
  attempt: 0,
  parts: 1,
  parallelism: 1,
  gang: false,
  graceSeconds: 5,
  main: doing('exit', '0'),
  policyServer: null,
  resources: { cpus: 1, gpus: 0 },
  env: {},
  ownerRun: 'run-1',
  excludedNodes: [],
  ...changes,
});

/** A failed pod, except as the test says. */
export const aPod = (changes: Partial<PodState> = {}): PodState => ({
  part: 0,
  phase: 'failed',
  exitCode: 1,
  signal: null,
  container: 'main',
  message: null,
  node: 'here',
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:00:01.000Z',
  ...changes,
});

/** An executor on a fresh folder, where `python` is this Node. Its disposal leaves no process and no file. */
export class Machine implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'orrery-local-'));
  readonly home = join(this.folder, 'home');
  readonly store = join(this.folder, 'store');
  readonly executor: Executor & Disposable;
  readonly #options: Partial<LocalExecutorOptions>;

  constructor(options: Partial<LocalExecutorOptions> = {}) {
    this.#options = options;
    this.executor = this.anotherExecutor();
  }

  /** The executor of a later worker, which shares only the folder with the first. */
  anotherExecutor(): Executor & Disposable {
    const { home, store } = this;
    const base = { home, store, projectRoot: this.folder, python: process.execPath, log: silent };
    return createLocalExecutor({ ...base, ...this.#options });
  }

  /** A worker process that submits the job; to a standby supervisor if it keeps some. */
  async worker(
    request: JobRequest,
    then: 'stay' | 'end' | 'suspend',
    { standby = 0, env = {} }: { standby?: number; env?: NodeJS.ProcessEnv } = {},
  ): Promise<ChildProcess> {
    const args = [join(programs, 'worker.ts'), this.home, this.store, JSON.stringify(request), then, String(standby)];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    });
    await once(child.stdout, 'data');
    return child;
  }

  /** Observations up to the first that satisfies `done`, or to the end of the job; at most 15 s. */
  async until(name: string, done: (job: JobObservation) => boolean = () => false): Promise<JobObservation[]> {
    const seen: JobObservation[] = [];
    for await (const job of this.executor.watch(name, AbortSignal.timeout(15_000))) {
      seen.push(job);
      if (done(job)) break;
    }
    return seen;
  }

  async end(name: string): Promise<JobObservation> {
    return (await this.until(name)).at(-1)!;
  }

  /** Lines that the programs wrote. */
  notes(): string[] {
    const path = join(this.store, 'notes.txt');
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  }

  async untilNoted(line: string): Promise<void> {
    await eventually(() => this.notes().includes(line), `"${line}" in the notes ${this.notes().join(', ')}`);
  }

  /** Pids of all processes of jobs on this machine, including supervisors, with or without a record. */
  alive(): Promise<number[]> {
    return findMarked(JOB_HOME, this.home);
  }

  supervisorPid(name: string): number {
    return JSON.parse(readFileSync(join(this.home, 'jobs', name, 'supervisor.json'), 'utf8')).pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.executor[Symbol.dispose]();
    for (const pid of await this.alive()) sendSignal(pid, 'SIGKILL');
    await eventually(async () => (await this.alive()).length === 0, 'no process left');
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Waits until a condition is true. @throws Error after 15 s, with this text */
export async function eventually(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline; await sleep(20)) if (await holds()) return;
  throw new Error(`expected within 15 s: ${what}`);
}
