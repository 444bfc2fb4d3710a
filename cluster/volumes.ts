import { chmod, chown, mkdir } from 'node:fs/promises';
import type { V1PersistentVolume, V1PersistentVolumeClaim } from '@kubernetes/client-node';
import { PROJECT } from '../cli/paths.ts';
import { POD_USER } from './images.ts';
import { NODE } from './settings.ts';

/**
 * Folders of this machine as volumes of its node, and a claim on each: Pod Security `restricted` forbids pods to name a folder themselves.
 * A local volume does not enforce its access mode, so that all pods of the node may have it at once.
 */

/** Claims of a namespace, by what they hold. */
export const CLAIMS = { store: 'orrery-store', programs: 'orrery-programs' } as const;

export interface VolumeFolders {
  readonly namespace: string;
  /** The store, which pods and worker write. */
  readonly store: string;
  /** The project with its packages, which pods read. */
  readonly programs?: string;
}

/** The volumes and claims of a namespace; every volume can be bound by its own claim alone. */
export function volumesOf({
  namespace,
  store,
  programs = PROJECT,
}: VolumeFolders): (V1PersistentVolume | V1PersistentVolumeClaim)[] {
  return [
    ...volumeAndClaim(namespace, CLAIMS.store, store, 'ReadWriteMany'),
    ...volumeAndClaim(namespace, CLAIMS.programs, programs, 'ReadOnlyMany'),
  ];
}

function volumeAndClaim(
  namespace: string,
  name: string,
  path: string,
  mode: string,
): [V1PersistentVolume, V1PersistentVolumeClaim] {
  const size = { storage: '100Gi' };
  const shared = { accessModes: [mode], storageClassName: '', volumeMode: 'Filesystem' };
  const volumeName = `${namespace}-${name}`;
  return [
    {
      ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: volumeName } },
      spec: {
        ...{ ...shared, capacity: size, persistentVolumeReclaimPolicy: 'Retain' },
        claimRef: { kind: 'PersistentVolumeClaim', namespace, name },
        local: { path },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [NODE] }] },
            ],
          },
        },
      },
    },
    {
      ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace } },
      spec: { ...shared, volumeName, resources: { requests: size } },
    },
  ];
}

/**
 * Makes a folder that worker and pods share: of the pods' group, which what is made within inherits. The worker has to leave what it
 * makes writable for the group (umask 002).
 */
export async function ensureSharedFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chown(folder, process.getuid?.() ?? 0, POD_USER);
  await chmod(folder, 0o2775);
}
