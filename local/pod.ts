import { addAbortListener } from 'node:events';
import type { PodState } from '../executor/index.ts';
import { POD_ENV } from '../spec/pod-env.ts';
import { logPath, stageDir } from '../store/layout.ts';
import { type ContainerEnd, type ContainerSpec, startContainer } from './container.ts';
import { commandOf, type PodPlace, podEnvironment } from './environment.ts';
import type { LocalJob } from './job-folder.ts';
import { lastMessageInLog } from './log-tail.ts';
import { SERVER_GRACE_MS, startPolicyServer } from './policy-server.ts';

/** How a pod ended. */
export type PodEnd = Pick<PodState, 'exitCode' | 'signal' | 'container' | 'message'> & {
  readonly phase: 'succeeded' | 'failed';
};

/**
 * Runs one pod to its end: starts the policy server if there is one, runs the main program, and ends the policy server.
 * @param stop - ends the pod: SIGTERM to main, the grace of the job, SIGKILL
 */
export async function runPod(job: LocalJob, place: PodPlace, stop: AbortSignal): Promise<PodEnd> {
  const { request } = job;
  const { folder, part } = place;
  const logOf = (container: 'main' | 'policy-server') =>
    logPath(stageDir(job.store, request.key), request.attempt, part, container);
  const env = podEnvironment(job, place);
  const common = { cwd: job.projectRoot, env };
  const main = { ...common, ...commandOf(request.main, job, folder), logFile: logOf('main') };
  const graceMs = request.graceSeconds * 1000;

  const failed = async (container: 'main' | 'policy-server', end: ContainerEnd): Promise<PodEnd> => {
    const { exitCode, signal } = end;
    return {
      phase: 'failed',
      exitCode,
      signal,
      container,
      message: end.error ?? (await lastMessageInLog(logOf(container))),
    };
  };
  const endOf = (end: ContainerEnd): PodEnd | Promise<PodEnd> =>
    end.exitCode === 0
      ? { phase: 'succeeded', exitCode: 0, signal: null, container: 'main', message: null }
      : failed('main', end);

  if (request.policyServer === null) return endOf(await runMain(withEnv(main, request.env), graceMs, stop));

  const server = { ...common, ...commandOf(request.policyServer, job, folder), logFile: logOf('policy-server') };
  const start = await startPolicyServer({ ...server, startSeconds: job.policyStartSeconds }, stop);
  if (start.kind === 'stopped') return endedBefore(null, 'stopped before it began');
  if (start.kind === 'silent') return endedBefore('policy-server', start.message);
  if (start.kind === 'ended') return failed('policy-server', start.end);

  const { container, url } = start;
  // Without the server main cannot continue, and is asked to save its work.
  const serverGone = new AbortController();
  container.ended.then(() => serverGone.abort());
  const either = AbortSignal.any([stop, serverGone.signal]);
  const grace = () => (stop.aborted ? graceMs : Math.min(graceMs, SERVER_GRACE_MS));
  const end = await runMain(withEnv(main, { ...request.env, [POD_ENV.policyUrl]: url }), grace, either);
  const serverDied = serverGone.signal.aborted;
  const serverEnd = await container.terminate(SERVER_GRACE_MS);
  return serverDied && end.exitCode !== 0 ? failed('policy-server', serverEnd) : endOf(end);
}

/** Runs the main program. Asks it to end when `stop` aborts. */
async function runMain(
  spec: ContainerSpec,
  graceMs: number | (() => number),
  stop: AbortSignal,
): Promise<ContainerEnd> {
  const main = startContainer(spec);
  using _ = addAbortListener(stop, () => void main.terminate(typeof graceMs === 'number' ? graceMs : graceMs()));
  return await main.ended;
}

const withEnv = (spec: ContainerSpec, env: Readonly<Record<string, string>>): ContainerSpec => ({
  ...spec,
  env: { ...spec.env, ...env },
});

const endedBefore = (container: PodEnd['container'], message: string): PodEnd => ({
  phase: 'failed',
  exitCode: null,
  signal: null,
  container,
  message,
});
