import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { KubeConfig, VersionApi } from '@kubernetes/client-node';
import { CommandError, EXIT } from '../../config/command-errors.ts';
import { kubeconfigPath } from './paths.ts';

/** A cluster that somebody else runs, named by `KUBECONFIG`. */
export interface ForeignCluster {
  readonly kubeconfig: string;
  readonly server: string;
  readonly version: string;
}

/** The kubeconfig that the environment names; null where it names none, or that of this project's own cluster. */
export function foreignKubeconfig(env: NodeJS.ProcessEnv = process.env): string | null {
  const named = env.KUBECONFIG;
  return named === undefined || named === '' || resolve(named) === kubeconfigPath() ? null : named;
}

/** Asks the named cluster for its version. @throws CommandError 66 when there is no such file, 69 when no API server answers */
export async function foreignCluster(kubeconfig: string): Promise<ForeignCluster> {
  const files = kubeconfig.split(':').filter(Boolean);
  if (!files.some((file) => existsSync(file))) {
    throw new CommandError(EXIT.missing, `KUBECONFIG names ${kubeconfig}, and there is no such file`, UNSET);
  }
  const config = new KubeConfig();
  config.loadFromDefault();
  const server = config.getCurrentCluster()?.server ?? 'no server';
  try {
    const { gitVersion } = await config.makeApiClient(VersionApi).getCode();
    return { kubeconfig, server, version: gitVersion };
  } catch (error) {
    const words = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new CommandError(
      EXIT.unavailable,
      `the cluster of KUBECONFIG=${kubeconfig}, ${server}, does not answer: ${words}`,
      UNSET,
    );
  }
}

const UNSET = 'mend it, or `unset KUBECONFIG` for a cluster on this machine';
