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
 * The processes of a cluster. Each has its name in its environment and is found by it. A pid file would not do: the
 * starting process may be killed before it writes the file, and the kernel reuses pids.
 */

const MARK = 'ORRERY_CLUSTER_COMPONENT';
const markOf = (name: ComponentName): string => `${clusterPath()}/${name}`;
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** On SIGTERM, an API server waits for its open watches. This limit ends the wait. */
const STOP_GRACE_MS = 4_000;

/** Log file of a component. */
export const componentLog = (name: ComponentName): string => inCluster('logs', `${name}.log`);

/**
 * The pid of a component; null when it does not run. Shims inherit containerd's variable, so the program is checked
 * too.
 */
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
  child.on('error', () => undefined); // The caller notices that the process is missing.
  child.unref();
}

/** Ends a component with SIGTERM, and with SIGKILL after a short grace. @returns whether it ran */
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

/** Kills every process with a component's name in its environment, including the shims of containerd. */
export const killComponent = (name: ComponentName): Promise<void> => killMarked(MARK, markOf(name));
