import { setTimeout as sleep } from 'node:timers/promises';
import { CoreV1Api, type KubeConfig, type V1PersistentVolume } from '@kubernetes/client-node';
import { CommandError, EXIT } from '../../config/command-errors.ts';
import { isNotFound } from './api.ts';
import { type VolumeFolders, volumesOf } from './volumes.ts';

/** The removal of an unused claim takes a second, and longer on a loaded machine. */
const REMOVED_MS = 30_000;

/**
 * Removes volumes and claims of a namespace whose folders differ from the requested ones, because the folder of a
 * volume cannot be changed. The folders themselves stay.
 * @throws CommandError 73 when pods use the volumes
 */
export async function removeMovedVolumes(admin: KubeConfig, folders: VolumeFolders): Promise<void> {
  const core = admin.makeApiClient(CoreV1Api);
  const { namespace } = folders;
  for (const wanted of volumesOf(folders)) {
    if (wanted.kind !== 'PersistentVolume') continue;
    const name = wanted.metadata?.name ?? '';
    const standing = await orNull(core.readPersistentVolume({ name }));
    const [from, to] = [folderOf(standing), folderOf(wanted as V1PersistentVolume)];
    if (standing === null || from === to) continue;
    const claim = standing.spec?.claimRef?.name ?? '';
    const pods = await podsWith(core, namespace, claim);
    if (pods.length > 0) throw inUse(namespace, claim, from, to, pods);
    // Ended pods keep a claim in use too. Their Jobs and the logs in the store remain.
    await Promise.all(
      (await podsWith(core, namespace, claim, true)).map((pod) =>
        orNull(core.deleteNamespacedPod({ name: pod, namespace })),
      ),
    );
    await Promise.all([
      orNull(core.deleteNamespacedPersistentVolumeClaim({ name: claim, namespace })),
      orNull(core.deletePersistentVolume({ name })),
    ]);
    const deadline = Date.now() + REMOVED_MS;
    while ((await orNull(core.readPersistentVolume({ name }))) !== null) {
      if (Date.now() > deadline) throw inUse(namespace, claim, from, to, await podsWith(core, namespace, claim));
      await sleep(100);
    }
  }
}

const folderOf = (volume: V1PersistentVolume | null): string =>
  volume?.spec?.local?.path ?? volume?.spec?.hostPath?.path ?? '';

/** Pods that use a claim or will use it; with `ended`, those that used it and have ended. */
async function podsWith(core: CoreV1Api, namespace: string, claim: string, ended = false): Promise<string[]> {
  const { items } = await core.listNamespacedPod({ namespace });
  return items
    .filter(({ status }) => ['Succeeded', 'Failed'].includes(status?.phase ?? '') === ended)
    .filter(({ spec }) => spec?.volumes?.some((volume) => volume.persistentVolumeClaim?.claimName === claim))
    .map(({ metadata }) => metadata?.name ?? '');
}

const inUse = (namespace: string, claim: string, from: string, to: string, pods: readonly string[]): CommandError =>
  new CommandError(
    EXIT.running,
    `the claim ${claim} of namespace ${namespace} is on ${from}, but ${to} was requested; ${pods.length} pods use it: ${pods.slice(0, 3).join(', ')}`,
    'pause or cancel their campaigns first, use the same folder (ORRERY_STORE), or start a second cluster with ORRERY_CLUSTER',
  );

async function orNull<T>(request: Promise<T>): Promise<T | null> {
  try {
    return await request;
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}
