/** The load that a policy server reports. */
export interface ServerLoad {
  readonly running: number;
  readonly waiting: number;
}

const RUNNING = 'vllm:num_requests_running';
const WAITING = 'vllm:num_requests_waiting';

/**
 * Reads vLLM's gauges from a Prometheus exposition. Several engines behind one address are added up. Pure.
 * @returns null when the text has no such gauges
 */
export function readLoad(exposition: string): ServerLoad | null {
  const sums = new Map<string, number>();
  for (const line of exposition.split('\n')) {
    if (line.startsWith('#')) continue;
    const found = /^([a-zA-Z_:][\w:]*)(?:\{.*\})?\s+(\S+)/.exec(line);
    const [name, value] = [found?.[1], Number(found?.[2])];
    if (name !== undefined && Number.isFinite(value)) sums.set(name, (sums.get(name) ?? 0) + value);
  }
  const [running, waiting] = [sums.get(RUNNING), sums.get(WAITING)];
  return running === undefined || waiting === undefined ? null : { running, waiting };
}

/** Fetches the load of a server once; null when it does not report it. @throws the reason of the signal */
export async function fetchLoad(url: string, withinMs: number, signal: AbortSignal): Promise<ServerLoad | null> {
  try {
    const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(withinMs) });
    return answer.ok ? readLoad(await answer.text()) : null;
  } catch {
    signal.throwIfAborted();
    return null;
  }
}
