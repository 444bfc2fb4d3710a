import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { pino } from 'pino';
import { type ActivityFunctions, activityOptions } from '../../activities/index.ts';
import { ensureSearchAttributes } from '../../activities/search-attributes.ts';
import { CHANNEL_ARGS } from '../../config/connect.ts';
import type { Executor } from '../../executor/index.ts';
import { inputRules } from '../../inputs/index.ts';
import { claimQueue, DEFAULT_TASK_QUEUE, thisInstallation } from '../../installation/index.ts';
import { createLocalExecutor } from '../../local/index.ts';
import type { CampaignSpecInput } from '../../spec/index.ts';
import { workflowBundle } from '../../worker/bundle.ts';
import { WORKER_OPTIONS } from '../../worker/options.ts';
import { ANY_SIZE } from './engines.ts';
import { startTemporal } from './temporal.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const TOY = fileURLToPath(new URL('./toy/', import.meta.url));
const silent = new DefaultLogger('ERROR');
const log = pino({ level: process.env.ORRERY_LOG_LEVEL ?? 'silent' });

/** A real Temporal server, a real store, the real local executor, and toy stage programs (see tests/support/toy). */
export interface Workbench {
  readonly client: Client;
  readonly address: string;
  readonly store: string;
  readonly home: string;
  readonly executor: Executor;
  /** Starts a worker in this process. Several may run. */
  startWorker(): Promise<{ stop(): Promise<void> }>;
  close(): Promise<void>;
}

/** Options of a worker for toy stage programs. */
export interface ToyWorkerOptions {
  readonly address: string;
  readonly store: string;
  readonly home: string;
  /** Folders that campaigns may read. */
  readonly dataRoots?: readonly string[];
  readonly taskQueue?: string;
}

/** Standby supervisors, as in `worker.ts`. */
const STANDBY = 2;

const toyExecutor = ({ home, store }: Pick<ToyWorkerOptions, 'home' | 'store'>, standby = 0): Executor & Disposable =>
  createLocalExecutor({ home, projectRoot: TOY, store, python: join(PROJECT, '.venv/bin/python'), log, standby });

/**
 * A worker like that of `worker.ts`, but with toy stage programs. It runs until it is shut down.
 * @param change - wraps activities, to cause a fault in one of them
 */
export async function createToyWorker(
  { address, store, home, dataRoots = [], taskQueue = DEFAULT_TASK_QUEUE }: ToyWorkerOptions,
  change: (activities: ActivityFunctions) => object = (activities) => activities,
  executor: Executor = toyExecutor({ home, store }, STANDBY),
): Promise<Worker> {
  try {
    Runtime.install({ logger: silent });
  } catch {
    // A process can install the runtime only once. A second worker uses the first's.
  }
  process.env.ORRERY_DOMAINS = join(TOY, 'domains');
  process.env.ORRERY_TEST_NODE = process.execPath;
  const connection = await NativeConnection.connect({ address });
  const clientConnection = await Connection.connect({ address });
  const client = new Client({ connection: clientConnection });
  const claim = await claimQueue(client, taskQueue, await thisInstallation(store));
  if (claim.kind !== 'ours') throw new Error(`expected the queue ${taskQueue}, but got ${JSON.stringify(claim)}`);
  const registered = activityOptions({
    store,
    projectRoot: TOY,
    executor,
    engines: ANY_SIZE,
    client,
    log,
    inputs: inputRules({ ORRERY_DATA_ROOTS: dataRoots.join(delimiter) }, { project: TOY, store }),
    searchAttributes: await ensureSearchAttributes(clientConnection, 'default', log),
  });
  return await Worker.create({
    connection,
    taskQueue,
    workflowBundle: await workflowBundle(),
    ...registered,
    activities: change(registered.activities),
    ...WORKER_OPTIONS,
    maxHeartbeatThrottleInterval: '500 milliseconds',
    shutdownGraceTime: '500 milliseconds',
  });
}

export async function openWorkbench({ dataRoots = [] }: Pick<ToyWorkerOptions, 'dataRoots'> = {}): Promise<Workbench> {
  const folder = mkdtempSync(join(tmpdir(), 'orrery-bench-'));
  const [store, home] = [join(folder, 'store'), join(folder, 'local')];
  const temporal = await startTemporal();
  const { address } = temporal;
  const connection = await Connection.connect({ address, channelArgs: CHANNEL_ARGS });
  return {
    client: new Client({ connection }),
    address,
    store,
    home,
    executor: toyExecutor({ home, store }),
    async startWorker() {
      const executor = toyExecutor({ home, store }, STANDBY);
      const worker = await createToyWorker({ address, store, home, dataRoots }, undefined, executor);
      const ended = worker.run();
      return {
        async stop() {
          if (worker.getState() === 'RUNNING') worker.shutdown();
          await ended;
          executor[Symbol.dispose]();
        },
      };
    },
    async close() {
      await connection.close();
      await temporal.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A toy campaign. Tests override the fields that matter to them. */
export function aCampaign(
  change: Partial<CampaignSpecInput> & { settings?: Record<string, unknown> } = {},
): CampaignSpecInput {
  const { settings = {}, ...rest } = change;
  return {
    name: 'toy',
    domain: { name: 'toy', settings: settings as never },
    policy: { type: 'pretrain' },
    data: { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 },
    onFailure: 'fail',
    ...rest,
  };
}
