import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Where control groups of version 1 hold the containers of containerd's namespace for Kubernetes. */
const GROUP = '/sys/fs/cgroup/cpu/k8s.io';
/** So much counts one process of the machine. */
const SHARES = 1024;

/**
 * Gives the pods together the weight of four processes a core. Where processes of the machine stand in the root group, as they do without
 * systemd, all pods together would else count as one of them.
 */
export function weighPods(): void {
  if (!existsSync('/sys/fs/cgroup/cpu/cpu.shares')) return; // version 2: groups weigh against groups
  mkdirSync(GROUP, { recursive: true });
  writeFileSync(`${GROUP}/cpu.shares`, String(4 * availableParallelism() * SHARES));
}
