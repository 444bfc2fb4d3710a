import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BatchV1Api, CoreV1Api, type KubeConfig } from '@kubernetes/client-node';
import { kubeConfigFrom } from '../../../cluster/api.ts';
import { prepareNamespace, writeWorkerKubeconfig } from '../../../cluster/namespace.ts';
import { kubeconfigPath } from '../../../cluster/paths.ts';
import { type VolumeFolders, volumesOf } from '../../../cluster/volumes.ts';

/** A namespace for one test file, with everything that a worker needs, and a store of its own. */
export interface TestNamespace extends AsyncDisposable {
  readonly name: string;
  /** The cluster's administrator. */
  readonly admin: KubeConfig;
  /** Kubeconfig of the namespace's worker account. */
  readonly workerKubeconfig: string;
  /** Folder of the store on this machine. */
  readonly store: string;
  /** Folder for whatever else the test keeps. */
  readonly folder: string;
}

/** @param volumes - `anyNode`: for pods on fake nodes too */
export async function testNamespace(
  prefix = 'test',
  volumes: Pick<VolumeFolders, 'programs' | 'anyNode'> = {},
): Promise<TestNamespace> {
  const name = `${prefix}-${randomBytes(3).toString('hex')}`;
  const admin = kubeConfigFrom(kubeconfigPath());
  const folder = mkdtempSync(join(tmpdir(), `orrery-${prefix}-`));
  await chmod(folder, 0o755);
  const store = join(folder, 'store');
  const workerKubeconfig = join(folder, 'worker.kubeconfig');
  const folders = { namespace: name, store, ...volumes };
  await prepareNamespace(admin, folders);
  await writeWorkerKubeconfig(admin, name, workerKubeconfig);
  return {
    ...{ name, admin, workerKubeconfig, store, folder },
    async [Symbol.asyncDispose]() {
      await removeNamespace(admin, name);
      for (const volume of volumesOf(folders)) {
        if (volume.kind !== 'PersistentVolume') continue;
        await admin.makeApiClient(CoreV1Api).deletePersistentVolume({ name: volume.metadata?.name ?? '' });
      }
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Ends what runs in a namespace and has it deleted; returns when its pods are gone, and does not wait for the rest. */
async function removeNamespace(admin: KubeConfig, namespace: string): Promise<void> {
  const [core, batch] = [admin.makeApiClient(CoreV1Api), admin.makeApiClient(BatchV1Api)];
  await batch.deleteCollectionNamespacedJob({ namespace, propagationPolicy: 'Background', gracePeriodSeconds: 0 });
  await core.deleteCollectionNamespacedPod({ namespace, gracePeriodSeconds: 0 });
  while ((await core.listNamespacedPod({ namespace })).items.length > 0) await sleep(200);
  await core.deleteNamespace({ name: namespace });
}
