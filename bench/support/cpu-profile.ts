import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

/** The parts of a V8 profile that are read here (`node --cpu-prof`). Times are in µs. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Runs a program of Node once under V8's profiler. @returns the profile, with a sample every 0.2 ms */
export async function profileOf(words: readonly string[], env: NodeJS.ProcessEnv): Promise<Profile> {
  const folder = mkdtempSync(join(tmpdir(), 'orrery-profile-'));
  try {
    const flags = ['--cpu-prof', '--cpu-prof-interval=200', `--cpu-prof-dir=${folder}`];
    await execa(process.execPath, [...flags, ...words], { env, stdout: 'ignore' });
    const [file = ''] = readdirSync(folder);
    return JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Where the time of a profile went: each sample belongs to the nearest caller in a package, so that what Node does for
 * a package counts for it: loading its files, for example. Pure.
 * @returns share of the time that was not idle, by package or folder of the project, largest first
 */
export function sharesByPackage({ nodes, samples, timeDeltas }: Profile): [owner: string, share: number][] {
  const frames = new Map(nodes.map((node) => [node.id, node.callFrame]));
  const callers = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const ownerOf = (id: number | undefined): string => {
    if (id === undefined) return 'Node';
    const { functionName, url } = frames.get(id) ?? { functionName: '', url: '' };
    if (functionName === '(garbage collector)') return 'garbage collection';
    if (functionName === '(idle)') return IDLE;
    return packageOf(url) ?? ownerOf(callers.get(id));
  };
  const times = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const owner = ownerOf(id);
    times.set(owner, (times.get(owner) ?? 0) + (timeDeltas[index] ?? 0));
  }
  times.delete(IDLE);
  const total = [...times.values()].reduce((sum, time) => sum + time, 0);
  return [...times].map(([owner, time]) => [owner, time / total] as [string, number]).toSorted((a, b) => b[1] - a[1]);
}

const IDLE = '(idle)';

/** The npm package of a file; `orrery` for a file of this project; null for a module of Node. */
function packageOf(url: string): string | null {
  const path = url.replace('file://', '');
  if (!path.startsWith('/')) return null;
  return path.match(/.*\/node_modules\/((@[^/]+\/)?[^/]+)/)?.[1] ?? 'orrery';
}
