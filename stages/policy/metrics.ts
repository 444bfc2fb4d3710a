/** What a policy server says of its own load. */
export interface ServerLoad {
  readonly running: number;
  readonly waiting: number;
}

const RUNNING = 'vllm:num_requests_running';
const WAITING = 'vllm:num_requests_waiting';

/**
 * Reads vLLM's gauges from a Prometheus exposition; several engines behind one address add up. Pure.
 * @returns null where the text has no such gauges
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

/** Load of a server, looked at once; null where it does not tell. @throws the reason of the signal */
export async function loadOf(url: string, withinMs: number, signal: AbortSignal): Promise<ServerLoad | null> {
  try {
    const answer = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(withinMs) });
    return answer.ok ? readLoad(await answer.text()) : null;
  } catch {
    signal.throwIfAborted();
    return null;
  }
}
