import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { chmod, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreV1Api, type KubeConfig } from '@kubernetes/client-node';
import { kubeConfigFrom } from '../../../dev/cluster/api.ts';
import { prepareNamespace, writeWorkerKubeconfig } from '../../../dev/cluster/namespace.ts';
import { kubeconfigPath } from '../../../dev/cluster/paths.ts';
import type { VolumeFolders } from '../../../dev/cluster/volumes.ts';
import { emptyNamespace, madeByThisProcess, removeAbandoned, removeClusterWide } from './abandoned.ts';

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
  await removeAbandoned(admin);
  const folder = mkdtempSync(join(tmpdir(), `orrery-${prefix}-`));
  await chmod(folder, 0o755);
  const store = join(folder, 'store');
  const workerKubeconfig = join(folder, 'worker.kubeconfig');
  const folders = { namespace: name, store, ...volumes };
  await prepareNamespace(admin, folders, await madeByThisProcess(folder));
  await writeWorkerKubeconfig(admin, name, workerKubeconfig);
  return {
    name,
    admin,
    workerKubeconfig,
    store,
    folder,
    async [Symbol.asyncDispose]() {
      await emptyNamespace(admin, name);
      await removeClusterWide(admin, name);
      await admin.makeApiClient(CoreV1Api).deleteNamespace({ name }); // and is not waited for
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
