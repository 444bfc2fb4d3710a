import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import { kubeConfigFrom } from './api.ts';
import { readyNode } from './node.ts';
import { inCluster, kubeconfigPath } from './paths.ts';
import { startComponent, stopComponent } from './processes.ts';
import type { ClusterSettings } from './settings.ts';

/**
 * Restarts the kubelet with other settings, for tests of evictions. Pods keep running.
 * @param changes - fields of its KubeletConfiguration
 * @returns a function that restores the settings
 */
export async function reconfigureKubelet(settings: ClusterSettings, changes: object): Promise<() => Promise<void>> {
  const file = inCluster('kubelet.yaml');
  const before = readFileSync(file, 'utf8');
  await restart(settings, file, stringify({ ...parse(before), ...changes }));
  return () => restart(settings, file, before);
}

async function restart(settings: ClusterSettings, file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
  await stopComponent('kubelet');
  await startComponent('kubelet', settings);
  await readyNode(kubeConfigFrom(kubeconfigPath()), 60_000);
}
