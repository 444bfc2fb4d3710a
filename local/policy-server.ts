import { setTimeout as sleep } from 'node:timers/promises';
import { POD_ENV } from '../spec/pod-env.ts';
import { type Container, type ContainerEnd, type ContainerSpec, startContainer } from './container.ts';
import { freePort, isFree } from './ports.ts';
import { groupListensOn } from './processes.ts';

/** How the start of a policy server ended. */
export type PolicyServerStart =
  | { readonly kind: 'ready'; readonly container: Container; readonly url: string }
  | { readonly kind: 'ended'; readonly end: ContainerEnd }
  | { readonly kind: 'silent'; readonly message: string }
  | { readonly kind: 'stopped' };

export interface PolicyServerSpec extends ContainerSpec {
  readonly startSeconds: number;
  /** Source of ports; tests pass taken ones. */
  readonly pickPort?: () => Promise<number>;
}

/** Ports tried before the failure counts as that of the server. */
const PORTS_TRIED = 5;
const CHECK_EVERY_MS = 50;
export const SERVER_GRACE_MS = 5000;

/**
 * Starts a policy server on a free port and waits until it is ready. If another process takes the port first, it tries
 * the next one.
 */
export async function startPolicyServer(spec: PolicyServerSpec, stop: AbortSignal): Promise<PolicyServerStart> {
  const deadline = performance.now() + spec.startSeconds * 1000;
  for (let tries = 1; ; tries += 1) {
    const port = await (spec.pickPort ?? freePort)();
    const env = { ...spec.env, [POD_ENV.policyPort]: String(port) };
    const start = await startOn(port, { ...spec, env }, deadline, stop);
    const collided = start.kind === 'ended' && tries < PORTS_TRIED && !(await isFree(port));
    if (!collided) {
      const message = `the policy server did not answer GET /health within ${spec.startSeconds} s`;
      return start.kind === 'silent' ? { kind: 'silent', message } : start;
    }
  }
}

async function startOn(
  port: number,
  spec: ContainerSpec,
  deadline: number,
  stop: AbortSignal,
): Promise<PolicyServerStart> {
  const container = startContainer(spec);
  const url = `http://127.0.0.1:${port}`;
  let end: ContainerEnd | null = null;
  container.ended.then((ended) => {
    end = ended;
  });
  while (performance.now() < deadline && !stop.aborted) {
    if (end !== null) return { kind: 'ended', end };
    if (container.pid !== undefined && (await isHealthy(url, stop)) && (await isOurs(container.pid, port))) {
      return { kind: 'ready', container, url };
    }
    await Promise.race([container.ended, sleep(CHECK_EVERY_MS)]);
  }
  await container.terminate(SERVER_GRACE_MS);
  return stop.aborted ? { kind: 'stopped' } : { kind: 'silent', message: '' };
}

async function isHealthy(url: string, stop: AbortSignal): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.any([stop, AbortSignal.timeout(1000)]) });
    await answer.body?.cancel();
    return answer.status === 200;
  } catch {
    return false;
  }
}

const isOurs = async (pid: number, port: number): Promise<boolean> => (await groupListensOn(pid, port)) ?? true;
