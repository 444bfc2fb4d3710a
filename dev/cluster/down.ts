import { existsSync } from 'node:fs';
import { readdir, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { binaryPath } from './binaries.ts';
import { COMPONENTS, containerdSocket } from './components.ts';
import { unmountAll } from './mounts.ts';
import { removeBridge } from './network.ts';
import { clusterPath, inCluster, kubeconfigPath } from './paths.ts';
import { componentPid, killComponent, stopComponent } from './processes.ts';
import { readSettings } from './settings.ts';

/**
 * Removes the cluster: pods, processes, mounts, bridge and folder. Keeps the store and the built programs. May be
 * killed at any point and run again. @returns whether there was a cluster
 */
export async function clusterDown(printLine: (line: string) => void): Promise<boolean> {
  const folder = clusterPath();
  const settings = readSettings();
  if (settings === null && !existsSync(folder)) return false;

  // Stop everything that could restart pods before ending them.
  for (const name of COMPONENTS.filter((component) => component !== 'containerd').reverse()) await stopComponent(name);
  if ((await componentPid('containerd')) !== null) await endContainers(printLine);
  for (const name of COMPONENTS) await killComponent(name);
  await unmountAll(folder);
  if (settings !== null) await removeBridge(settings);
  await removeLinksInto(inCluster('pod-logs'));
  // Safe only after all mounts are gone: a mounted volume shows other folders.
  await rm(folder, { recursive: true, force: true });
  await rm(kubeconfigPath(), { force: true });
  return true;
}

/** Ends the processes of all pods. Killing the shims later ends the rest. */
async function endContainers(printLine: (line: string) => void): Promise<void> {
  const ctr = (...args: string[]) =>
    execa(binaryPath('ctr'), ['-a', containerdSocket(), '-n', 'k8s.io', ...args], { reject: false, timeout: 20_000 });
  const { stdout = '' } = await ctr('tasks', 'list', '--quiet');
  const tasks = stdout.split('\n').filter(Boolean);
  if (tasks.length > 0) printLine(`ending ${tasks.length} containers`);
  for (const task of tasks) await ctr('tasks', 'delete', '--force', task);
}

/**
 * The kubelet creates a link to the log of every container in /var/log/containers, which all kubelets of a machine
 * share.
 */
async function removeLinksInto(logs: string): Promise<void> {
  const folder = '/var/log/containers';
  for (const name of await readdir(folder).catch(() => [])) {
    const target = await readlink(join(folder, name)).catch(() => '');
    if (target.startsWith(`${logs}/`)) await rm(join(folder, name), { force: true });
  }
}
