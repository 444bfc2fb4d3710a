import { CoreV1Api, VersionApi } from '@kubernetes/client-node';
import { kubeConfigFrom } from './api.ts';
import { COMPONENTS, type ComponentName } from './components.ts';
import { kubeconfigPath } from './paths.ts';
import { componentPid } from './processes.ts';
import { readSettings, serverOf } from './settings.ts';

export interface ClusterStatus {
  readonly server: string;
  /** Component -> its pid; null when it does not run. */
  readonly components: readonly (readonly [ComponentName, number | null])[];
  /** For example `v1.36.3`; null when the API server does not answer. */
  readonly version: string | null;
  readonly nodes: readonly { readonly name: string; readonly ready: boolean; readonly gpus: string }[];
}

/** The current state of this project's cluster; null when there is none. */
export async function clusterStatus(): Promise<ClusterStatus | null> {
  const settings = readSettings();
  if (settings === null) return null;
  const components: [ComponentName, number | null][] = [];
  for (const name of COMPONENTS) components.push([name, await componentPid(name)]);
  const standing = { server: serverOf(settings), components };
  try {
    const config = kubeConfigFrom(kubeconfigPath());
    const { gitVersion } = await config.makeApiClient(VersionApi).getCode();
    const { items } = await config.makeApiClient(CoreV1Api).listNode();
    const nodes = items.map(({ metadata, status }) => ({
      name: metadata?.name ?? '',
      ready:
        status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') ?? false,
      gpus: status?.allocatable?.['nvidia.com/gpu'] ?? '0',
    }));
    return { ...standing, version: gitVersion, nodes };
  } catch {
    return { ...standing, version: null, nodes: [] };
  }
}
