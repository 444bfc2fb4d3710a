import {
  ApiException,
  CoreV1Api,
  KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  PatchStrategy,
} from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';

/** The calls to the API server that prepare a cluster. */

/** The manager that the API server records for the fields that we set. */
const FIELD_MANAGER = 'orrery-cluster';

/** @param context - another context than the file's current one */
export function kubeConfigFrom(file: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(file);
  return config;
}

/** Creates or updates the objects with server-side apply. */
export async function applyObjects(config: KubeConfig, objects: readonly KubernetesObject[]): Promise<void> {
  const api = KubernetesObjectApi.makeApiClient(config);
  for (const object of objects) {
    await api.patch(object, undefined, undefined, FIELD_MANAGER, true, PatchStrategy.ServerSideApply);
  }
}

/** Objects of a manifest of one or several documents. */
export const objectsIn = (manifest: string): KubernetesObject[] =>
  parseAllDocuments(manifest)
    .map((document) => document.toJS() as KubernetesObject | null)
    .filter((object) => object !== null);

/** Whether the API server answers a request. */
export async function isReady(config: KubeConfig): Promise<boolean> {
  try {
    await config.makeApiClient(CoreV1Api).listNamespace({ limit: 1 });
    return true;
  } catch {
    return false;
  }
}

export const isNotFound = (error: unknown): boolean => error instanceof ApiException && error.code === 404;
