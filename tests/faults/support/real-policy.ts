import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import getPort from 'get-port';
import { afterAll } from 'vitest';
import { pythonEnvironment } from '../../../stages/runtime/python.ts';
import { PYTHON } from '../../support/stage-process.ts';

const ENV = { ...pythonEnvironment(), OMP_NUM_THREADS: '1' };

/** Writes a tiny untrained policy. */
export function writeTinyPolicy(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const script = fileURLToPath(new URL('tiny_policy.py', import.meta.url));
  execFileSync(PYTHON, [script, folder], { env: ENV, stdio: 'pipe' });
  return folder;
}

/** The real policy server, to be killed, stopped, and started again on the same port. */
export interface RealPolicyServer {
  readonly url: string;
  /** Starts it and waits until it is healthy. */
  start(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Kills it by SIGKILL and waits for its end. */
  kill(): Promise<void>;
}

export async function aRealPolicyServer(model: string): Promise<RealPolicyServer> {
  const port = await getPort();
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  async function kill(): Promise<void> {
    const last = child;
    child = undefined;
    if (last === undefined || last.exitCode !== null || last.signalCode !== null) return;
    last.kill('SIGKILL');
    await once(last, 'exit');
  }
  afterAll(kill);
  return {
    url,
    kill,
    signal: (signal) => void child?.kill(signal),
    async start() {
      const args = ['-m', 'orrery_trainers.serving.policy_server', '--model', model, '--port', String(port)];
      child = spawn(PYTHON, args, { env: ENV, stdio: 'ignore' });
      for (const deadline = performance.now() + 60_000; ; await sleep(50)) {
        const healthy = await fetch(`${url}/health`).then(
          ({ ok }) => ok,
          () => false,
        );
        if (healthy) return;
        if (performance.now() > deadline) throw new Error('the policy server did not get ready within a minute');
      }
    },
  };
}
