import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { KubeConfig, VersionApi } from '@kubernetes/client-node';
import { CommandError, EXIT } from '../../config/command-errors.ts';
import { kubeconfigPath } from './paths.ts';

/** The cluster that `KUBECONFIG` names. This project did not create it. */
export interface ForeignCluster {
  readonly kubeconfig: string;
  readonly server: string;
  readonly version: string;
}

/** The kubeconfig that the environment names; null when it names none, or the one of this project's cluster. */
export function foreignKubeconfig(env: NodeJS.ProcessEnv = process.env): string | null {
  const named = env.KUBECONFIG;
  return named === undefined || named === '' || resolve(named) === kubeconfigPath() ? null : named;
}

/**
 * Reads the version of the cluster.
 * @throws CommandError 66 when the file does not exist, 69 when the API server does not answer
 */
export async function foreignCluster(kubeconfig: string): Promise<ForeignCluster> {
  const files = kubeconfig.split(':').filter(Boolean);
  if (!files.some((file) => existsSync(file))) {
    throw new CommandError(EXIT.missing, `KUBECONFIG names ${kubeconfig}, which does not exist`, UNSET);
  }
  const config = new KubeConfig();
  config.loadFromDefault();
  const server = config.getCurrentCluster()?.server ?? 'no server';
  try {
    const { gitVersion } = await config.makeApiClient(VersionApi).getCode();
    return { kubeconfig, server, version: gitVersion };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new CommandError(
      EXIT.unavailable,
      `the cluster of KUBECONFIG=${kubeconfig}, ${server}, does not answer: ${reason}`,
      UNSET,
    );
  }
}

const UNSET = 'fix it, or `unset KUBECONFIG` to use a cluster on this machine';
