import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { stringify } from 'yaml';
import { inProject } from '../../../config/paths.ts';
import { ensureStageImage } from '../../../dev/cluster/import-image.ts';
import { workerSettings } from '../../../dev/cluster/worker-settings.ts';
import { DEFAULT_TASK_QUEUE } from '../../../installation/index.ts';
import { type CampaignSpecInput, StageKind } from '../../../spec/index.ts';
import { startTemporal } from '../temporal.ts';
import { aCampaign } from '../worker.ts';
import { eventually } from './job-story.ts';
import { type TestNamespace, testNamespace } from './test-namespace.ts';

/** What runs in pods: the programs of this project, or toy programs that keep the pod contract and do nothing else. */
export type Programs = 'toy' | 'real';

/** A real Temporal, a namespace of the real cluster with a store of its own, and workers in processes of their own. */
export interface ClusterBench extends AsyncDisposable {
  readonly client: Client;
  /** `host:port` of Temporal. */
  readonly address: string;
  /** Of the Temporal UI, `http://host:port`. */
  readonly uiAddress: string;
  readonly namespace: TestNamespace;
  readonly store: string;
  /** Environment of a worker, and of the CLI beside it. */
  readonly env: Readonly<Record<string, string>>;
  startWorker(env?: Readonly<Record<string, string>>): Promise<WorkerHandle>;
}

/** A worker that acts as the ServiceAccount of its namespace. */
export interface WorkerHandle extends AsyncDisposable {
  readonly process: ChildProcess;
  /** What it has logged so far. */
  log(): string;
  /** SIGKILL. */
  kill(): Promise<void>;
}

const TOY = '/opt/orrery/tests/support/toy';

/** @param settings - more than what `cluster:up` writes, or other than that (spec/kubernetes-settings.ts) */
export async function openClusterBench(programs: Programs, settings: object = {}): Promise<ClusterBench> {
  const namespace = await testNamespace(programs);
  const temporal = await startTemporal();
  const connection = await Connection.connect({ address: temporal.address });
  const image = await ensureStageImage();
  const standard = workerSettings(namespace.name, image);
  const toy = {
    programs: { ...standard.programs, root: TOY },
    env: { ORRERY_TEST_NODE: standard.programs.node },
    limits: { nodeLostSeconds: 5, imageGraceSeconds: 5, pendingSeconds: 60 },
  };
  const settingsFile = join(namespace.folder, 'kubernetes.yaml');
  writeFileSync(settingsFile, stringify({ ...standard, ...(programs === 'toy' ? toy : {}), ...settings }));
  const env = {
    TEMPORAL_ADDRESS: temporal.address,
    // Whatever the shell of the person has: these tests see its environment.
    TEMPORAL_NAMESPACE: 'default',
    ORRERY_TASK_QUEUE: DEFAULT_TASK_QUEUE,
    ORRERY_STORE: namespace.store,
    ORRERY_HOME: join(namespace.folder, 'home'),
    ORRERY_EXECUTOR: 'kubernetes',
    ORRERY_KUBERNETES: settingsFile,
    KUBECONFIG: namespace.workerKubeconfig,
    ...(programs === 'toy' ? { ORRERY_DOMAINS: inProject('tests/support/toy/domains') } : {}),
  };
  const workers: WorkerHandle[] = [];
  return {
    client: new Client({ connection }),
    address: temporal.address,
    uiAddress: temporal.uiAddress,
    namespace,
    store: namespace.store,
    env,
    async startWorker(more = {}) {
      const worker = await startWorker(join(namespace.folder, `worker-${workers.length}.log`), programs, {
        ...env,
        ...more,
      });
      workers.push(worker);
      return worker;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker.kill()));
      await connection.close();
      await temporal.stop();
      await namespace[Symbol.asyncDispose]();
    },
  };
}

async function startWorker(
  logFile: string,
  programs: Programs,
  env: Readonly<Record<string, string>>,
): Promise<WorkerHandle> {
  const output = openSync(logFile, 'a');
  const program = programs === 'toy' ? 'tests/support/cluster/toy-worker.ts' : 'worker.ts';
  const child = spawn(process.execPath, [inProject(program)], {
    env: { ...process.env, ...env },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const log = () => readFileSync(logFile, 'utf8');
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  await eventually(
    'the worker has started',
    () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the worker ended:\n${log()}`);
      return log().includes('worker started');
    },
    200_000,
  );
  return { process: child, log, kill, [Symbol.asyncDispose]: kill };
}

/** A toy campaign whose pods ask for little, so that many find room on two cores. */
export function aSmallCampaign(
  change: Parameters<typeof aCampaign>[0] & { run?: Record<string, object> } = {},
): CampaignSpecInput {
  const { run = {}, ...rest } = change;
  const stages = Object.fromEntries(
    StageKind.options.map((kind) => [
      kind,
      { run: { resources: { cpus: 0.05, memoryGiB: 1.5 }, graceSeconds: 5, ...run[kind] } },
    ]),
  );
  return aCampaign({ ...rest, stages: stages as CampaignSpecInput['stages'] });
}
