import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { basename, delimiter } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findMarked, killMarked, sendSignal } from '../../local/processes.ts';
import { binaryFolders } from './binaries.ts';
import { type Component, type ComponentName, componentOf } from './components.ts';
import { clusterPath, inCluster } from './paths.ts';
import type { ClusterSettings } from './settings.ts';

/**
 * The processes of a cluster. Each carries its name in its environment, and is found again by that: whoever started it may have been killed
 * before a note of its number was on disk, and numbers are used again.
 */

const MARK = 'ORRERY_CLUSTER_COMPONENT';
const markOf = (name: ComponentName): string => `${clusterPath()}/${name}`;
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** An API server waits for its open watches when it is asked to stop: longer than anyone wants to. */
const STOP_GRACE_MS = 4_000;

/** Where a component's output is kept. */
export const componentLog = (name: ComponentName): string => inCluster('logs', `${name}.log`);

/** The process of a component; null when it does not run. Shims of containerd carry its name on, and are other programs. */
export async function componentPid(name: ComponentName): Promise<number | null> {
  for (const pid of await findMarked(MARK, markOf(name))) {
    const program = await readlink(`/proc/${pid}/exe`).catch(() => '');
    if (basename(program.replace(/ \(deleted\)$/, '')) === name) return pid;
  }
  return null;
}

/** Starts a component unless it runs. @returns whether this call started it */
export async function startComponent(name: ComponentName, settings: ClusterSettings): Promise<boolean> {
  if ((await componentPid(name)) !== null) return false;
  spawnComponent(componentOf(name, settings));
  return true;
}

function spawnComponent({ name, command, args }: Component): void {
  mkdirSync(inCluster('logs'), { recursive: true });
  const log = openSync(componentLog(name), 'a');
  const child = spawn(command, args, {
    cwd: clusterPath(),
    detached: true,
    stdio: ['ignore', log, log],
    env: {
      PATH: [...binaryFolders(), SYSTEM_PATH].join(delimiter),
      HOME: clusterPath(),
      [MARK]: markOf(name),
    },
  });
  closeSync(log);
  child.on('error', () => undefined); // seen by its absence, with its log
  child.unref();
}

/** Ends a component: SIGTERM, a short grace, SIGKILL. @returns whether it ran */
export async function stopComponent(name: ComponentName, graceMs = STOP_GRACE_MS): Promise<boolean> {
  const pid = await componentPid(name);
  if (pid === null) return false;
  const deadline = Date.now() + graceMs;
  sendSignal(pid, graceMs === 0 ? 'SIGKILL' : 'SIGTERM');
  while ((await componentPid(name)) === pid) {
    if (Date.now() > deadline) sendSignal(pid, 'SIGKILL');
    await sleep(50);
  }
  return true;
}

/** Ends everything that carries a component's name: the shims of containerd too. */
export const killComponent = (name: ComponentName): Promise<void> => killMarked(MARK, markOf(name));
