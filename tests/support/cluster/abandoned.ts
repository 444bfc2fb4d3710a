import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchV1Api,
  CoreV1Api,
  type KubeConfig,
  RbacAuthorizationV1Api,
  type V1Namespace,
  type V1ObjectMeta,
} from '@kubernetes/client-node';
import { processStart } from '../../../local/processes.ts';

/**
 * What tests and benchmarks that were killed leave on a standing cluster: found by the next one, by the process that
 * had made it.
 */

/** Annotation of a namespace: pid and start of the process that made it. */
const MADE_BY = 'orrery.test/made-by';
/** Annotation of a test namespace: its folder on this machine. */
const FOLDER = 'orrery.test/folder';
/** Label of fake nodes: the namespace that they go with. */
export const POOL = 'orrery.test/pool';

/**
 * Annotations of a namespace that goes when this process is no more.
 * @param folder - of {@link tmpdir}, which goes with it
 */
export const madeByThisProcess = async (folder: string): Promise<Record<string, string>> => ({
  [MADE_BY]: `${process.pid} ${await processStart(process.pid)}`,
  [FOLDER]: folder,
});

/** Removes all namespaces whose makers are gone, and what goes with them. */
export async function removeAbandoned(admin: KubeConfig): Promise<void> {
  const { items } = await admin.makeApiClient(CoreV1Api).listNamespace();
  for (const namespace of items.filter(({ status }) => status?.phase !== 'Terminating')) {
    if (await isAbandoned(namespace)) await removeWhole(admin, namespace);
  }
}

async function isAbandoned({ metadata }: V1Namespace): Promise<boolean> {
  const [, pid, start] = /^(\d+) (.+)$/.exec(metadata?.annotations?.[MADE_BY] ?? '') ?? [];
  return pid !== undefined && (await processStart(Number(pid))) !== start;
}

/** The namespace last: as long as it is there, the rest is found again. */
async function removeWhole(admin: KubeConfig, { metadata }: V1Namespace): Promise<void> {
  const name = metadata?.name ?? '';
  console.error(`orrery: removing namespace ${name}, whose maker was killed`);
  await emptyNamespace(admin, name);
  await removeClusterWide(admin, name);
  const folder = metadata?.annotations?.[FOLDER] ?? '';
  if (dirname(folder) === tmpdir() && basename(folder).startsWith('orrery-')) {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  await admin.makeApiClient(CoreV1Api).deleteNamespace({ name });
}

/** Deletes the Jobs and pods of a namespace. Returns when its pods have ended. */
export async function emptyNamespace(admin: KubeConfig, namespace: string): Promise<void> {
  const [core, batch] = [admin.makeApiClient(CoreV1Api), admin.makeApiClient(BatchV1Api)];
  await batch.deleteCollectionNamespacedJob({ namespace, propagationPolicy: 'Background', gracePeriodSeconds: 0 });
  await core.deleteCollectionNamespacedPod({ namespace, gracePeriodSeconds: 0 });
  while ((await core.listNamespacedPod({ namespace })).items.length > 0) await sleep(200);
}

/** Deletes the cluster-wide volumes, fake nodes and rights that were created for this namespace. */
export async function removeClusterWide(admin: KubeConfig, namespace: string): Promise<void> {
  const [core, rbac] = [admin.makeApiClient(CoreV1Api), admin.makeApiClient(RbacAuthorizationV1Api)];
  const [volumes, nodes, roles, bindings] = await Promise.all([
    core.listPersistentVolume(),
    core.listNode({ labelSelector: `${POOL}=${namespace}` }),
    rbac.listClusterRole(),
    rbac.listClusterRoleBinding(),
  ]);
  const isOurs = ({ metadata }: { metadata?: V1ObjectMeta }) => metadata?.name?.endsWith(`-${namespace}`) ?? false;
  const named = (items: readonly { metadata?: V1ObjectMeta }[]) => items.map(({ metadata }) => metadata?.name ?? '');
  await Promise.all([
    ...named(volumes.items.filter(({ spec }) => spec?.claimRef?.namespace === namespace)).map((name) =>
      core.deletePersistentVolume({ name }),
    ),
    ...named(nodes.items).map((name) => core.deleteNode({ name })),
    ...named(roles.items.filter(isOurs)).map((name) => rbac.deleteClusterRole({ name })),
    ...named(bindings.items.filter(isOurs)).map((name) => rbac.deleteClusterRoleBinding({ name })),
  ]);
}
