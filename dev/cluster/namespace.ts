import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CoreV1Api, type KubeConfig, type KubernetesObject } from '@kubernetes/client-node';
import { inProject } from '../../config/paths.ts';
import { applyObjects, objectsIn } from './api.ts';
import { kubeconfigOf } from './configuration.ts';
import { removeMovedVolumes } from './moved-volumes.ts';
import { ensureSharedFolder, type VolumeFolders, volumesOf } from './volumes.ts';

/**
 * The namespace of a worker: Pod Security, the worker's account with its rights, and claims for the store and the
 * programs.
 */

/** Namespace of `npm run cluster:up`. */
export const NAMESPACE = 'orrery';
/** The worker's ServiceAccount, in deploy/rbac.yaml. */
export const WORKER_ACCOUNT = 'orrery-worker';
const RBAC = inProject('deploy', 'rbac.yaml');
const TOKEN_SECONDS = 30 * 24 * 3600;

/**
 * Creates the namespace and its objects, or completes them.
 * @throws CommandError 73 when it exists with other folders and pods use them
 */
export async function prepareNamespace(
  admin: KubeConfig,
  folders: VolumeFolders,
  annotations: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { namespace } = folders;
  await removeMovedVolumes(admin, folders);
  await ensureSharedFolder(folders.store);
  const labels = Object.fromEntries(
    ['enforce', 'warn', 'audit'].map((mode) => [`pod-security.kubernetes.io/${mode}`, 'restricted']),
  );
  const objects: KubernetesObject[] = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels, annotations } },
    ...rbacObjects(namespace),
    ...volumesOf(folders),
  ];
  await applyObjects(admin, objects);
}

/** The manifests of deploy/rbac.yaml, changed to the given namespace. */
function rbacObjects(namespace: string): KubernetesObject[] {
  const manifest = readFileSync(RBAC, 'utf8');
  return objectsIn(manifest.replaceAll(/(\bnamespace:\s*)\S+/g, `$1${namespace}`)).filter(
    ({ kind }) => kind !== 'Namespace',
  );
}

/** Writes a kubeconfig with exactly the rights of the worker's ServiceAccount. */
export async function writeWorkerKubeconfig(admin: KubeConfig, namespace: string, file: string): Promise<void> {
  const cluster = admin.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig names no cluster');
  const { status } = await admin.makeApiClient(CoreV1Api).createNamespacedServiceAccountToken({
    name: WORKER_ACCOUNT,
    namespace,
    body: { spec: { audiences: [], expirationSeconds: TOKEN_SECONDS } },
  });
  const text = kubeconfigOf({
    server: cluster.server,
    token: status?.token ?? '',
    namespace,
    user: WORKER_ACCOUNT,
    ...(cluster.caData === undefined ? {} : { certificateAuthority: Buffer.from(cluster.caData, 'base64').toString() }),
  });
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
