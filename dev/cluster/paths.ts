import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { inOrrery, inProject } from '../../config/paths.ts';

/** The folder of this project's cluster: `ORRERY_CLUSTER`, else `.orrery/cluster`. */
export const clusterPath = (): string => resolve(process.env.ORRERY_CLUSTER ?? inOrrery('cluster'));

/** A path within {@link clusterPath}. */
export const inCluster = (...parts: string[]): string => join(clusterPath(), ...parts);

/** The administrator's kubeconfig: `.orrery/kubeconfig`, or in the cluster's folder when `ORRERY_CLUSTER` is set. */
export const kubeconfigPath = (): string =>
  process.env.ORRERY_CLUSTER === undefined ? inOrrery('kubeconfig') : inCluster('kubeconfig');

/** A path in the cache of built programs, which all clones of this user share: `$XDG_CACHE_HOME/orrery/cluster`. */
export const cachePath = (...parts: string[]): string =>
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'orrery', 'cluster', ...parts);

/** Files that the project ships for its cluster. */
export const inClusterSources = (...parts: string[]): string => inProject('dev', 'cluster', ...parts);

/** The store of the cluster's pods and their worker: `ORRERY_STORE`, else `.orrery/store-kubernetes`. */
export const clusterStorePath = (): string => resolve(process.env.ORRERY_STORE ?? inOrrery('store-kubernetes'));
