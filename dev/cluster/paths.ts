import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { inOrrery, inProject } from '../../config/paths.ts';

/** Folder of everything that the cluster of this project keeps: `ORRERY_CLUSTER`, else `.orrery/cluster`. */
export const clusterPath = (): string => resolve(process.env.ORRERY_CLUSTER ?? inOrrery('cluster'));

/** A path within {@link clusterPath}. */
export const inCluster = (...parts: string[]): string => join(clusterPath(), ...parts);

/** The kubeconfig of the cluster's administrator: `.orrery/kubeconfig`, or beside the cluster where that has a folder of its own. */
export const kubeconfigPath = (): string =>
  process.env.ORRERY_CLUSTER === undefined ? inOrrery('kubeconfig') : inCluster('kubeconfig');

/** What was built is kept here for every clone of this user: `$XDG_CACHE_HOME/orrery/cluster`. */
export const cachePath = (...parts: string[]): string =>
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'orrery', 'cluster', ...parts);

/** Files that the project ships for its cluster. */
export const inClusterSources = (...parts: string[]): string => inProject('dev', 'cluster', ...parts);

/** The store that pods of this project's cluster share with its worker: `ORRERY_STORE`, else one of their own. */
export const clusterStorePath = (): string => resolve(process.env.ORRERY_STORE ?? inOrrery('store-kubernetes'));
