import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreV1Api, type KubeConfig } from '@kubernetes/client-node';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { execa } from 'execa';
import { pino } from 'pino';
import { activityOptions } from '../../activities/index.ts';
import { ensureSearchAttributes } from '../../activities/search-attributes.ts';
import { inProject, PROJECT } from '../../config/paths.ts';
import { applyObjects, kubeConfigFrom, objectsIn } from '../../dev/cluster/api.ts';
import { addFakeNodes } from '../../dev/cluster/fake-nodes.ts';
import { prepareNamespace, writeWorkerKubeconfig } from '../../dev/cluster/namespace.ts';
import { kubeconfigPath } from '../../dev/cluster/paths.ts';
import { clusterUp } from '../../dev/cluster/up.ts';
import { inputRules } from '../../inputs/index.ts';
import { createKubeClient, createKubernetesExecutor, type KubeClient } from '../../k8s/index.ts';
import { KubernetesSettings } from '../../spec/index.ts';
import { workflowBundle } from '../../worker/bundle.ts';
import { WORKER_OPTIONS } from '../../worker/options.ts';
import { madeByThisProcess, POOL, removeAbandoned, removeClusterWide } from './cluster/abandoned.ts';
import { ANY_SIZE } from './engines.ts';
import { startTemporal } from './temporal.ts';

/**
 * A namespace of the real cluster whose pods all go to fake nodes (KWOK), with a store, a real Temporal and real
 * workers on it.
 */
export interface FakeCluster {
  /** Kubeconfig of the administrator. */
  readonly config: KubeConfig;
  readonly namespace: string;
  readonly store: string;
  readonly settings: KubernetesSettings;
  readonly client: Client;
  /** A worker in this process, with the rights of the worker's ServiceAccount. */
  startWorker(): Promise<{ readonly kube: KubeClient; stop(): Promise<void> }>;
  /** Adds fake nodes with eight H100 GPUs, until the namespace is closed. */
  addNodes(count: number): Promise<void>;
  /**
   * A process that simulates the programs of all pods, each for the given time. `died` rejects when it ends before it
   * is stopped.
   */
  simulate(seconds: number): Promise<{ readonly died: Promise<never>; stop(): void }>;
  close(): Promise<void>;
}

const silent = new DefaultLogger('ERROR');
const log = pino({ level: process.env.ORRERY_LOG_LEVEL ?? 'silent' });
const CLAIM = 'simulated-store';

/** Starts this project's cluster if needed, and leaves it running. @returns the administrator's kubeconfig */
export async function ensureCluster(tell: (what: string) => void): Promise<string> {
  await clusterUp(tell);
  return kubeconfigPath();
}

/** @param kubeconfig - of the administrator of a cluster from `npm run cluster:up` */
export async function openFakeCluster(kubeconfig: string, purpose: string): Promise<FakeCluster> {
  const folder = mkdtempSync(join(tmpdir(), `orrery-${purpose}-`));
  const store = join(folder, 'store');
  const config = kubeConfigFrom(kubeconfig);
  const namespace = `${purpose}-${randomBytes(3).toString('hex')}`;
  await removeAbandoned(config);
  await prepareNamespace(config, { namespace, store }, await madeByThisProcess(folder));
  await applyObjects(config, [...claimOfNowhere(namespace), ...plannerRights(namespace)] as never);
  const workerKubeconfig = join(folder, 'worker.kubeconfig');
  await writeWorkerKubeconfig(config, namespace, workerKubeconfig);
  const settings = KubernetesSettings.parse({
    namespace,
    image: 'simulated',
    images: { vllm: 'simulated' },
    store: { claim: CLAIM },
    defaults: {
      // Only its own nodes. There may be other fake nodes.
      nodeSelector: { [POOL]: namespace },
      tolerations: [{ key: 'kwok.x-k8s.io/node', operator: 'Exists', effect: 'NoSchedule' }],
    },
  });
  const temporal = await startTemporal();
  const connection = await Connection.connect({ address: temporal.address });
  return {
    config,
    namespace,
    store,
    settings,
    client: new Client({ connection }),
    addNodes: (count) => addFakeNodes(config, { prefix: namespace, count, labels: { [POOL]: namespace } }),
    async simulate(seconds) {
      const program = inProject('tests/support/simulate-pods.ts');
      const args = [program, kubeconfig, namespace, store, String(seconds)];
      // It ends when its stdin ends, and so in any case with this process.
      const process = execa(globalThis.process.execPath, args, { stdin: 'pipe', stderr: 'inherit', reject: false });
      await once(process.stdout, 'data'); // It prints a line when it watches.
      let stopped = false;
      const died = process.then(({ exitCode, signal }) => {
        if (!stopped) throw new Error(`the simulation of pods ended with ${signal ?? exitCode}`);
        return new Promise<never>(() => {});
      });
      died.catch(() => {}); // No unhandled rejection when a test does not wait for it.
      return {
        died,
        stop() {
          stopped = true;
          process.kill();
        },
      };
    },
    startWorker: () => startWorker({ address: temporal.address, store, settings, workerKubeconfig }),
    async close() {
      await connection.close();
      await temporal.stop();
      await removeClusterWide(config, namespace);
      await config.makeApiClient(CoreV1Api).deleteNamespace({ name: namespace });
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startWorker(at: {
  address: string;
  store: string;
  settings: KubernetesSettings;
  workerKubeconfig: string;
}): Promise<{ kube: KubeClient; stop(): Promise<void> }> {
  try {
    Runtime.install({ logger: silent });
  } catch {
    // A process can install the runtime only once. A second worker uses the first's.
  }
  const { store, settings } = at;
  process.env.KUBECONFIG = at.workerKubeconfig;
  const kube = createKubeClient(settings.namespace);
  const executor = createKubernetesExecutor({ settings, store, log, client: kube });
  const connection = await NativeConnection.connect({ address: at.address });
  const clientConnection = await Connection.connect({ address: at.address });
  const worker = await Worker.create({
    connection,
    taskQueue: 'orrery',
    workflowBundle: await workflowBundle(),
    ...activityOptions({
      store,
      projectRoot: PROJECT,
      executor,
      log,
      inputs: inputRules({}, { project: PROJECT, store }),
      engines: ANY_SIZE,
      client: new Client({ connection: clientConnection }),
      searchAttributes: await ensureSearchAttributes(clientConnection, 'default', log),
    }),
    ...WORKER_OPTIONS,
    shutdownGraceTime: '500 milliseconds',
  });
  const ended = worker.run();
  return {
    kube,
    async stop() {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended;
      executor[Symbol.dispose]();
      await Promise.all([connection.close(), clientConnection.close()]);
    },
  };
}

/** A volume for every node. Fake nodes mount nothing, but the scheduler requires bound claims. */
const claimOfNowhere = (namespace: string) => [
  {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `${namespace}-${CLAIM}` },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteMany'],
      storageClassName: '',
      claimRef: { kind: 'PersistentVolumeClaim', namespace, name: CLAIM },
      nfs: { server: 'nowhere.invalid', path: '/' },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: CLAIM, namespace },
    spec: {
      accessModes: ['ReadWriteMany'],
      storageClassName: '',
      volumeName: `${namespace}-${CLAIM}`,
      resources: { requests: { storage: '1Gi' } },
    },
  },
];

/** The rights of deploy/rbac-planner.yaml, for the worker of this namespace. */
const plannerRights = (namespace: string) =>
  objectsIn(
    readFileSync(inProject('deploy', 'rbac-planner.yaml'), 'utf8')
      .replaceAll(/(\bnamespace:\s*)[\w-]+/g, `$1${namespace}`)
      .replaceAll('name: orrery-planner', `name: orrery-planner-${namespace}`),
  );
