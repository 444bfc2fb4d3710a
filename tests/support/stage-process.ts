import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT } from '../../stages/python.ts';

/** Interpreter with the packages of `trainers/`. */
export const PYTHON = process.env.ORRERY_PYTHON ?? join(PROJECT, '.venv/bin/python');
export const TEST_DOMAINS = join(PROJECT, 'tests/support/domains');

export interface StageProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }>;
}

/** Starts `stages/main.ts` as an executor would, in the environment of a pod. */
export function startStage(
  path: string,
  pod: { store: string; attempt?: number; part?: number; policyUrl?: string },
): StageProcess {
  const child = spawn(process.execPath, [join(PROJECT, 'stages/main.ts')], {
    env: {
      ...process.env,
      ORRERY_STAGE_FILE: path,
      ORRERY_STORE: pod.store,
      ORRERY_ATTEMPT: String(pod.attempt ?? 0),
      JOB_COMPLETION_INDEX: String(pod.part ?? 0),
      ORRERY_POLICY_URL: pod.policyUrl ?? '',
      ORRERY_PYTHON: PYTHON,
      ORRERY_DOMAINS: TEST_DOMAINS,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const ended = new Promise<Awaited<StageProcess['ended']>>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ended };
}
