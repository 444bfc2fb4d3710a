import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PROJECT } from '../../stages/runtime/python.ts';

/** Interpreter with the packages of `trainers/`. */
export const PYTHON = process.env.ORRERY_PYTHON ?? join(PROJECT, '.venv/bin/python');
/** Cache of compiled programs, because tests start many of them. */
const COMPILE_CACHE = join(tmpdir(), 'orrery-test-compile-cache');
export const TEST_DOMAINS = join(PROJECT, 'tests/support/domains');

export interface StageProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }>;
}

/** Environment and command of a pod. */
export interface StagePod {
  readonly store: string;
  readonly attempt?: number;
  readonly part?: number;
  readonly policyUrl?: string;
  /** Additional variables. They override those of the pod contract. */
  readonly env?: NodeJS.ProcessEnv;
  /** Options of Node. */
  readonly nodeOptions?: readonly string[];
  /** Command that wraps the program, for example a tracer. */
  readonly under?: readonly string[];
  /** File for stdout and stderr, as with executors. By default the test receives them. */
  readonly logFile?: string;
}

/** Starts `stages/main.ts` like an executor, in the environment of a pod. */
export function startStage(path: string, pod: StagePod): StageProcess {
  const { nodeOptions = [], under = [] } = pod;
  const [command = '', ...args] = [...under, process.execPath, ...nodeOptions, join(PROJECT, 'stages/main.ts')];
  const log = pod.logFile === undefined ? 'pipe' : openLog(pod.logFile);
  const child = spawn(command, args, {
    env: {
      ...process.env,
      ORRERY_STAGE_FILE: path,
      ORRERY_STORE: pod.store,
      ORRERY_ATTEMPT: String(pod.attempt ?? 0),
      JOB_COMPLETION_INDEX: String(pod.part ?? 0),
      ORRERY_POLICY_URL: pod.policyUrl ?? '',
      ORRERY_PYTHON: PYTHON,
      ORRERY_DOMAINS: TEST_DOMAINS,
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      ...pod.env,
    },
    stdio: ['ignore', log, log],
  });
  if (typeof log === 'number') closeSync(log);
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<Awaited<StageProcess['ended']>>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ended };
}

function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  return openSync(path, 'a');
}
