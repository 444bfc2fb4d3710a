import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** The cgroup (version 1) of the containers in containerd's namespace for Kubernetes. */
const GROUP = '/sys/fs/cgroup/cpu/k8s.io';
/** The weight of one process in the root group. */
const SHARES = 1024;

/**
 * Gives all pods together the weight of four processes per core. Without systemd, the machine's processes are in the
 * root group, and by default all pods together would weigh as much as one of them.
 */
export function setPodCpuShares(): void {
  if (!existsSync('/sys/fs/cgroup/cpu/cpu.shares')) return; // cgroup version 2 needs no change.
  mkdirSync(GROUP, { recursive: true });
  writeFileSync(`${GROUP}/cpu.shares`, String(4 * availableParallelism() * SHARES));
}
