import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { inProject, PROJECT } from '../../config/paths.ts';
import type { Totals } from '../policy-server/server.ts';
import { answerOf, statementOf } from '../policy-server/text-model.ts';
import type { Moment, Shard, ShardResult } from './search-shard.ts';

/** Simulated time per real time: see the method of bench/search-driver.ts. */
export const HASTE = 12;
/** The recipe's sizes of a search (paper, search). */
export const RECIPE = { candidates: 8, rollouts: 16, iterations: 32, maxDepth: 50 };

/** Starts the bench policy server as a process, and waits for its address. */
export async function startServer(haste: number) {
  const child = spawn(process.execPath, [inProject('bench/policy-server/main.ts'), '--haste', String(haste)], {
    cwd: PROJECT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return {
    url,
    totals: async (): Promise<Totals> => (await (await fetch(`${url}/totals`)).json()) as Totals,
    stop: () => void child.kill('SIGTERM'),
  };
}

/** Runs `work` with a bench policy server of its own. */
export async function withServer<T>(
  haste: number,
  work: (server: Awaited<ReturnType<typeof startServer>>) => Promise<T>,
): Promise<T> {
  const server = await startServer(haste);
  try {
    return await work(server);
  } finally {
    server.stop();
  }
}

/** Writes a file of problems for the bench policy. @returns its path */
export function benchProblems(folder: string, count: number): string {
  const file = join(folder, `problems-${count}.jsonl`);
  const lines = Array.from({ length: count }, (_, number) =>
    JSON.stringify({
      id: `bench-${number}`,
      problem: statementOf(number),
      reference: answerOf(number),
      source: 'bench',
    }),
  );
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

export interface ShardRun {
  readonly moments: readonly Moment[];
  /** Missing when the process was killed. */
  readonly result?: ShardResult;
}

/** Runs one shard in a process of its own until it ends or is killed. */
export async function runShard(
  shard: Omit<Shard, 'attempt'> & { readonly attempt?: number; readonly killAfterMs?: number | null },
): Promise<ShardRun> {
  const { dir, url, problems, config, attempt = 0, killAfterMs = null } = shard;
  mkdirSync(dir, { recursive: true });
  const given: Shard = { dir, url, problems, config, attempt };
  const child = spawn(
    process.execPath,
    ['--expose-gc', inProject('bench/support/search-shard.ts'), JSON.stringify(given)],
    { cwd: PROJECT, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const timer = killAfterMs === null ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  const moments: Moment[] = [];
  let result: ShardResult | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    const said = parsed(line);
    if (said === null) continue; // The process was killed in the middle of a line.
    if ('digest' in said) result = said;
    else moments.push(said);
  }
  clearTimeout(timer);
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  if (result === undefined && child.signalCode !== 'SIGKILL') {
    throw new Error(`a shard of the search ended with ${child.exitCode ?? child.signalCode} and without a result`);
  }
  return { moments, ...(result && { result }) };
}

function parsed(line: string): Moment | ShardResult | null {
  try {
    return JSON.parse(line) as Moment | ShardResult;
  } catch {
    return null;
  }
}
