import { readdir, readFile } from 'node:fs/promises';
import type { V1Pod } from '@kubernetes/client-node';
import { MAIN } from '../../../k8s/manifests/labels.ts';

/** Processes of pods as the node sees them, which is this machine: to do to them what no API does. */

/**
 * SIGKILL to the program of a pod's main container, from outside and with nothing said to Kubernetes: as the kernel, or
 * a person on the node, kills.
 */
export async function killMain(pod: V1Pod): Promise<void> {
  const pid = await mainPid(pod);
  if (pid === null) throw new Error(`pod ${pod.metadata?.name} has no main program that runs`);
  process.kill(pid, 'SIGKILL');
}

/** The first process of the main container, on this machine; null where it does not run. */
export async function mainPid({ status }: V1Pod): Promise<number | null> {
  const [, id] = status?.containerStatuses?.find(({ name }) => name === MAIN)?.containerID?.split('//') ?? [];
  if (id === undefined) return null;
  const own = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    const isOwn = /^\d+$/.test(name) && (await contentOf(`/proc/${name}/cgroup`)).includes(id);
    if (isOwn) own.set(Number(name), await parentOf(name));
  }
  const [pid = null] = [...own].flatMap(([one, parent]) => (own.has(parent) ? [] : [one]));
  return pid;
}

/** Field 4 of `/proc/<pid>/stat`; the name in field 2 may hold anything, so counting starts after its bracket. */
async function parentOf(pid: string): Promise<number> {
  const stat = await contentOf(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** Empty where the process is gone. */
const contentOf = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
