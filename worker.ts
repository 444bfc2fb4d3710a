/**
 * The worker: reads the environment, creates the dependencies of the activities, and runs workflows and activities
 * until SIGTERM.
 *
 * Environment:
 *
 * - connection to Temporal: `TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_PROFILE` and the variables for TLS and
 *   API keys
 * - `ORRERY_TASK_QUEUE`: the task queue, which belongs to one store (docs/temporal.md)
 * - `ORRERY_STORE`: the store; `ORRERY_HOME`: the records of the jobs on this machine
 * - `ORRERY_PYTHON`: the Python interpreter; `ORRERY_LOG_LEVEL`: the log level
 * - `ORRERY_DATA_ROOTS`, `_MAX_GIB`, `_HOSTS`, `_HEADERS`: which data a campaign may read (docs/data.md)
 * - `ORRERY_EXECUTOR=kubernetes`: runs stages in the cluster that the file `ORRERY_KUBERNETES` describes
 *   (docs/kubernetes.md)
 * - `ORRERY_DEPLOYMENT` and `ORRERY_BUILD_ID`: make the worker a version of a Temporal worker deployment
 * - `ORRERY_PREFLIGHT=off`: skips the replay of open workflows at the start (docs/upgrades.md)
 */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { activityOptions } from './activities/index.ts';
import { ensureSearchAttributes } from './activities/search-attributes.ts';
import { CommandError, EXIT } from './config/command-errors.ts';
import { CHANNEL_ARGS, connectionSettings, noServer, rejectOtherServer } from './config/connect.ts';
import { releaseCommand } from './config/printed-commands.ts';
import { inputRules } from './inputs/index.ts';
import {
  claimQueue,
  describeQueueLoss,
  type QueueLoss,
  thisInstallation,
  watchQueueClaim,
} from './installation/index.ts';
import { startReconciler, temporalOwners } from './reconciler/index.ts';
import { InvalidInputError, remedyOf } from './spec/index.ts';
import { workflowBundle } from './worker/bundle.ts';
import { deploymentOf } from './worker/deployment.ts';
import { chooseExecutor, shareFilesWithPods } from './worker/executors.ts';
import { createLogger, logLevel, temporalLogger } from './worker/logging.ts';
import { WORKER_OPTIONS } from './worker/options.ts';
import { findIncompatibleWorkflows } from './worker/preflight.ts';

const projectRoot = fileURLToPath(new URL('.', import.meta.url));
const store = resolve(process.env.ORRERY_STORE ?? join(projectRoot, '.orrery/store'));
const home = resolve(process.env.ORRERY_HOME ?? join(projectRoot, '.orrery/local'));
const python = process.env.ORRERY_PYTHON ?? join(projectRoot, '.venv/bin/python');
const log = createLogger();

log.level = await orExit(() => logLevel(process.env));
const inputs = await orExit(() => inputRules(process.env, { project: projectRoot, store }));
shareFilesWithPods(process.env);
Runtime.install({ logger: temporalLogger(log) });
const settings = await orExit(() => connectionSettings());
const { connectionOptions, namespace, taskQueue } = settings;
const { connection, clientConnection } = await orExit(connectBoth);
const client = new Client({ connection: clientConnection, namespace });
await orExit(() => rejectOtherServer(client, settings));
// The queue is claimed before the worker does anything else, because it must never act for another store.
const installation = await orExit(() => thisInstallation(store));
const claim = await orExit(() => claimQueue(client, taskQueue, installation));
if (claim.kind !== 'ours') exitForQueueLoss(claim);

/** Number of standby supervisors: two arms start their stages at the same time. */
const STANDBY = 2;
await orExit(() => mkdir(home, { recursive: true }));
const { executor, machine } = await orExit(() =>
  chooseExecutor(process.env, { home, projectRoot, store, python, log, standby: STANDBY }),
);
const activities = activityOptions({
  store,
  projectRoot,
  inputs,
  executor,
  client,
  searchAttributes: await ensureSearchAttributes(clientConnection, namespace, log),
  log,
});

const bundle = await workflowBundle();
const deployment = deploymentOf(process.env);
// A deployment version needs no replay: Temporal does not give it workflows that are pinned to another version.
if (deployment === null && process.env.ORRERY_PREFLIGHT !== 'off') await exitIfIncompatible();

const worker = await Worker.create({
  connection,
  namespace,
  taskQueue,
  // The SDK caches 600 workflows for each GiB of heap. One takes a tenth of such a share (bench/workflow-weight.ts).
  workflowBundle: bundle,
  ...activities,
  ...(deployment === null ? {} : { workerDeploymentOptions: deployment }),
  ...WORKER_OPTIONS,
});
log.info(
  { taskQueue, namespace, address: connectionOptions.address, store, installation: installation.store },
  'worker started',
);
const stopping = new AbortController();
const watchingQueue = watchQueueClaim(client, taskQueue, installation, claim.runId, stopping.signal).then((loss) => {
  if (loss === null) return;
  logQueueLoss(loss);
  process.exitCode = EXIT.running;
  if (worker.getState() === 'RUNNING') worker.shutdown();
});
const reconciling = startReconciler({
  store,
  executor,
  machine,
  log,
  signal: stopping.signal,
  owners: () => temporalOwners(client, store),
});
await worker.run();
stopping.abort();
await Promise.all([reconciling, watchingQueue]);
executor[Symbol.dispose]();
await Promise.all([connection.close(), clientConnection.close()]);

function logQueueLoss(loss: QueueLoss): void {
  log.fatal(
    { taskQueue, store: installation.store },
    describeQueueLoss(taskQueue, loss, installation, releaseCommand()),
  );
}

function exitForQueueLoss(loss: QueueLoss): never {
  logQueueLoss(loss);
  process.exit(EXIT.running);
}

/** Exits the process if a setting is invalid, or if Temporal or the store does not answer. */
async function orExit<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CommandError || error instanceof InvalidInputError) {
      log.fatal(error.message);
      process.exit(error instanceof CommandError ? error.exitCode : EXIT.invalid);
    }
    const remedy = remedyOf(error, 'store');
    if (remedy !== null) {
      log.fatal({ store, home }, `${remedy.message}: ${(error as Error).message}`);
      process.exit(remedy.remedy === 'invalid' ? EXIT.invalid : EXIT.unavailable);
    }
    log.fatal({ err: error, store }, 'Temporal or the store does not answer');
    process.exit(EXIT.unavailable);
  }
}

async function exitIfIncompatible(): Promise<void> {
  const incompatible = await findIncompatibleWorkflows(client, taskQueue, bundle, log);
  if (incompatible.length === 0) return;
  log.fatal(
    { incompatible },
    'this workflow code cannot continue open workflows; guard the change with `patched`, or run it as a separate deployment version (docs/upgrades.md)',
  );
  process.exit(65);
}

/** @throws CommandError 69 when no server answers */
async function connectBoth(): Promise<{ connection: NativeConnection; clientConnection: Connection }> {
  try {
    const connection = await NativeConnection.connect(connectionOptions);
    return {
      connection,
      clientConnection: await Connection.connect({ ...connectionOptions, channelArgs: CHANNEL_ARGS }),
    };
  } catch (error) {
    throw noServer(connectionOptions.address, error);
  }
}
