/**
 * The worker: reads the environment, builds what the activities act on, and runs workflows and activities until SIGTERM.
 *
 * Environment: Temporal's own (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, `TEMPORAL_PROFILE`, TLS, API key), `ORRERY_TASK_QUEUE` (a queue belongs
 * to one store: docs/temporal.md), `ORRERY_STORE`,
 * `ORRERY_HOME` (what this machine keeps of its jobs), `ORRERY_PYTHON`, `ORRERY_LOG_LEVEL`. `ORRERY_EXECUTOR=kubernetes` runs stages in the
 * cluster that the file `ORRERY_KUBERNETES` describes (docs/kubernetes.md). `ORRERY_DEPLOYMENT` and `ORRERY_BUILD_ID` make it
 * a version of a Temporal worker deployment; `ORRERY_PREFLIGHT=off` skips the replay of what is open (docs/upgrades.md).
 */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { activityOptions } from './activities/index.ts';
import { ensureSearchAttributes } from './activities/search-attributes.ts';
import { CommandError, EXIT } from './config/command-errors.ts';
import { CHANNEL_ARGS, connectionSettings, refuseStranger } from './config/connect.ts';
import { releaseCommand } from './config/printed-commands.ts';
import { inputRules } from './inputs/index.ts';
import { claimQueue, describeLoss, keepQueue, type Loss, thisInstallation } from './installation/index.ts';
import { startReconciler, temporalOwners } from './reconciler/index.ts';
import { InvalidInputError, remedyOf } from './spec/index.ts';
import { bundleWorkflows } from './worker/bundle.ts';
import { deploymentOf } from './worker/deployment.ts';
import { chooseExecutor, shareFilesWithPods } from './worker/executors.ts';
import { createLogger, logLevel, temporalLogger } from './worker/logging.ts';
import { findMisfits } from './worker/preflight.ts';

const projectRoot = fileURLToPath(new URL('.', import.meta.url));
const store = resolve(process.env.ORRERY_STORE ?? join(projectRoot, '.orrery/store'));
const home = resolve(process.env.ORRERY_HOME ?? join(projectRoot, '.orrery/local'));
const python = process.env.ORRERY_PYTHON ?? join(projectRoot, '.venv/bin/python');
const log = createLogger();

log.level = await orLeave(() => logLevel(process.env));
const inputs = await orLeave(() => inputRules(process.env, { project: projectRoot, store }));
shareFilesWithPods(process.env);
Runtime.install({ logger: temporalLogger(log) });
const settings = await orLeave(() => connectionSettings());
const { connectionOptions, namespace, taskQueue } = settings;
const { connection, clientConnection } = await connectOrLeave();
const client = new Client({ connection: clientConnection, namespace });
await orLeave(() => refuseStranger(client, settings));
// Before all else that it does: a worker never acts for another store.
const installation = await orLeave(() => thisInstallation(store));
const claim = await orLeave(() => claimQueue(client, taskQueue, installation));
if (claim.kind !== 'ours') leaveQueue(claim);

/** Two arms start their stages side by side. */
const STANDBY = 2;
await orLeave(() => mkdir(home, { recursive: true }));
const { executor, machine } = await orLeave(() =>
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

const workflowBundle = await bundleWorkflows(temporalLogger(log));
const deployment = deploymentOf(process.env);
// Of a deployment version, Temporal itself keeps away the workflows that are pinned to another.
if (deployment === null && process.env.ORRERY_PREFLIGHT !== 'off') await refuseMisfits();

const worker = await Worker.create({
  connection,
  namespace,
  taskQueue,
  workflowBundle,
  ...activities,
  ...(deployment === null ? {} : { workerDeploymentOptions: deployment }),
  // Watching costs little, and every running stage of every campaign has a watch.
  maxConcurrentActivityTaskExecutions: 1000,
  // The heartbeat is the freshest progress there is: let it through.
  maxHeartbeatThrottleInterval: '2 seconds',
  // On SIGTERM: what is under way may end, watches are handed to the next worker; jobs run on by themselves.
  shutdownGraceTime: '1 second',
  // Signals for a workflow that a dead worker had in its cache wait this long for it.
  stickyQueueScheduleToStartTimeout: '5 seconds',
});
log.info(
  { taskQueue, namespace, address: connectionOptions.address, store, installation: installation.store },
  'worker started',
);
const leaving = new AbortController();
const keeping = keepQueue(client, taskQueue, installation, claim.runId, leaving.signal).then((loss) => {
  if (loss === null) return;
  tellLoss(loss);
  process.exitCode = EXIT.running;
  if (worker.getState() === 'RUNNING') worker.shutdown();
});
const reconciling = startReconciler({
  ...{ store, executor, machine, log, signal: leaving.signal },
  owners: () => temporalOwners(client, store),
});
await worker.run();
leaving.abort();
await Promise.all([reconciling, keeping]);
executor[Symbol.dispose]();
await Promise.all([connection.close(), clientConnection.close()]);

function tellLoss(loss: Loss): void {
  log.fatal({ taskQueue, store: installation.store }, describeLoss(taskQueue, loss, installation, releaseCommand()));
}

function leaveQueue(loss: Loss): never {
  tellLoss(loss);
  process.exit(EXIT.running);
}

/** Ends the process where a setting is wrong, or where Temporal or the store does not answer. */
async function orLeave<T>(work: () => T | Promise<T>): Promise<T> {
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

async function refuseMisfits(): Promise<void> {
  const misfits = await findMisfits(client, taskQueue, workflowBundle, log);
  if (misfits.length === 0) return;
  log.fatal(
    { misfits },
    'this workflow code cannot go on with what is open; guard the change with `patched`, or run it as a deployment version of its own (docs/upgrades.md)',
  );
  process.exit(65);
}

async function connectOrLeave(): Promise<{ connection: NativeConnection; clientConnection: Connection }> {
  try {
    const connection = await NativeConnection.connect(connectionOptions);
    return {
      connection,
      clientConnection: await Connection.connect({ ...connectionOptions, channelArgs: CHANNEL_ARGS }),
    };
  } catch (error) {
    log.fatal(
      { err: error, address: connectionOptions.address },
      'no Temporal answers; start one with `npm run temporal`',
    );
    process.exit(69);
  }
}
