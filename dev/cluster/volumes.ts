import { chmod, chown, mkdir } from 'node:fs/promises';
import type { V1PersistentVolume, V1PersistentVolumeClaim } from '@kubernetes/client-node';
import { PROJECT } from '../../config/paths.ts';
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
  /** For pods on fake nodes too, which mount nothing: volumes that are not tied to the real node. */
  readonly anyNode?: boolean;
}

/** The volumes and claims of a namespace; every volume can be bound by its own claim alone. */
export function volumesOf(folders: VolumeFolders): (V1PersistentVolume | V1PersistentVolumeClaim)[] {
  const { store, programs = PROJECT } = folders;
  return [
    ...volumeAndClaim(folders, CLAIMS.store, store, 'ReadWriteMany'),
    ...volumeAndClaim(folders, CLAIMS.programs, programs, 'ReadOnlyMany'),
  ];
}

function volumeAndClaim(
  { namespace, anyNode = false }: VolumeFolders,
  name: string,
  path: string,
  mode: string,
): [V1PersistentVolume, V1PersistentVolumeClaim] {
  const size = { storage: '100Gi' };
  const shared = { accessModes: [mode], storageClassName: '', volumeMode: 'Filesystem' };
  const volumeName = `${namespace}-${name}`;
  const hostname = { key: 'kubernetes.io/hostname', operator: 'In', values: [NODE] };
  const where = anyNode
    ? { hostPath: { path } }
    : {
        local: { path },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [hostname] }] } },
      };
  return [
    {
      ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: volumeName } },
      spec: {
        ...{ ...shared, capacity: size, persistentVolumeReclaimPolicy: 'Retain' },
        claimRef: { kind: 'PersistentVolumeClaim', namespace, name },
        ...where,
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
