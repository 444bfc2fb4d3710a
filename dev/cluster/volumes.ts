import { chmod, chown, mkdir } from 'node:fs/promises';
import type { V1PersistentVolume, V1PersistentVolumeClaim } from '@kubernetes/client-node';
import { PROJECT } from '../../config/paths.ts';
import { POD_USER } from './images.ts';
import { NODE } from './settings.ts';

/**
 * Folders of this machine as volumes, each with a claim: Pod Security `restricted` forbids pods to mount a folder
 * directly. A local volume does not enforce its access mode, so all pods of the node can use it at once.
 */

/** Names of the claims in a namespace. */
export const CLAIMS = { store: 'orrery-store', programs: 'orrery-programs' } as const;

export interface VolumeFolders {
  readonly namespace: string;
  /** The store. Pods and the worker write to it. */
  readonly store: string;
  /** The project with its packages. Pods only read it. */
  readonly programs?: string;
  /** Do not tie the volumes to the real node, so that pods on fake nodes can use them. Those mount nothing. */
  readonly anyNode?: boolean;
}

/** The volumes and claims of a namespace. Only its own claim can bind a volume. */
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
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: volumeName },
      spec: {
        ...shared,
        capacity: size,
        persistentVolumeReclaimPolicy: 'Retain',
        claimRef: { kind: 'PersistentVolumeClaim', namespace, name },
        ...where,
      },
    },
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name, namespace },
      spec: { ...shared, volumeName, resources: { requests: size } },
    },
  ];
}

/**
 * Creates a folder that the worker and the pods share. It belongs to the pods' group, and new files inherit the group.
 * The worker must keep new files writable for the group (umask 002).
 */
export async function ensureSharedFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chown(folder, process.getuid?.() ?? 0, POD_USER);
  await chmod(folder, 0o2775);
}
