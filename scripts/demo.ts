/**
 * Runs a whole campaign on this machine: installs missing packages, starts Temporal and the worker, submits the
 * campaign (or continues an interrupted one), shows its progress and then its results.
 *
 *     npm run demo
 *     npm run demo -- --full --seed 1
 *
 * Ctrl-C pauses the campaign and stops what the demo started. The same command continues the campaign.
 */
import { statfsSync } from 'node:fs';
import type { Client } from '@temporalio/client';
import { Command } from 'commander';
import { type CampaignFile, readCampaignFile } from '../cli/campaign-file.ts';
import { type CampaignView, isRunning, updateCampaign, viewCampaign } from '../cli/campaigns.ts';
import { untilInterrupted } from '../cli/interrupt.ts';
import { logFiles } from '../cli/logs.ts';
import { findReport, readReport } from '../cli/report.ts';
import { ReportSummary, resultLines } from '../cli/results.ts';
import { submitCampaign } from '../cli/submit.ts';
import { exitCodeOf, watchCampaign } from '../cli/watch.ts';
import { CommandError, EXIT, type ExitCode, errorMessage, runMain } from '../config/command-errors.ts';
import { connectionSettings, namedAddress, withClient } from '../config/connect.ts';
import { inOrrery, inProject, PROJECT } from '../config/paths.ts';
import { orreryCommand } from '../config/printed-commands.ts';
import { foreignCluster, foreignKubeconfig } from '../dev/cluster/foreign.ts';
import { kubeconfigPath } from '../dev/cluster/paths.ts';
import { clusterTaskQueue, clusterUp, workerEnvironment } from '../dev/cluster/up.ts';
import { startProjectTemporal } from '../dev/project-temporal.ts';
import { setup } from '../dev/setup/setup.ts';
import type { TemporalServer } from '../dev/temporal-server.ts';
import { ensureWorker, type Place, stopWorker, type WorkerProcess, type WorkerPurpose } from '../dev/worker-process.ts';
import { openOnQueue } from '../installation/index.ts';

/** Disk space that the checkpoints and trees of a run may take. */
const RUN_GB = 1;
/** The environment before the demo changes it. Variables that the demo sets must not be remembered with the server. */
const INITIAL_ENV: NodeJS.ProcessEnv = { ...process.env };

interface DemoOptions {
  readonly full?: true;
  readonly short?: true;
  readonly file?: string;
  readonly seed?: number;
  readonly keep?: true;
  readonly kubernetes?: true;
}

await runMain(async () => {
  const options = new Command('npm run demo --')
    .description('Run a whole campaign on this machine, from search to report.')
    .option('--full', 'the longer campaign with a clearer effect (examples/tiny-full.yaml)')
    .option('--short', 'the shortest campaign, in which little is learnt (examples/tiny-short.yaml)')
    .option('--file <file>', 'a campaign file of your own')
    .option('--seed <number>', 'overrides the seed of the file', parseSeed)
    .option(
      '--kubernetes',
      'run every stage in pods of a real cluster; starts one when there is none (docs/cluster.md)',
    )
    .option('--keep', 'leave Temporal and the worker running at the end')
    .exitOverride()
    .parse()
    .opts<DemoOptions>();
  return demo(options);
});

async function demo(options: DemoOptions): Promise<ExitCode> {
  refuseWithoutSpace();
  const { id, campaign } = await chosenCampaign(options);
  return await untilInterrupted(
    (signal) => withServices(options, id, signal, (client, temporal) => run(client, id, campaign, temporal, signal)),
    () =>
      `campaign ${id}, its stages, the worker and Temporal keep running\nstop the worker and Temporal with \`npm run down\`, or run the same command again to continue`,
  );
}

/** Runs `work` with Temporal and a worker. Stops those that it started, unless another campaign needs them. */
async function withServices(
  options: DemoOptions,
  id: string,
  signal: AbortSignal,
  work: (client: Client, temporal: DemoTemporal) => Promise<ExitCode>,
): Promise<ExitCode> {
  const purpose = await install(options, signal);
  const temporal = await connectTemporal();
  let worker: WorkerProcess | null = null;
  try {
    stopIfInterrupted(signal);
    worker = await ensureWorker(temporal.place, purpose);
    stopIfInterrupted(signal);
    return await withClient((client) => work(client, temporal));
  } finally {
    // When Temporal does not answer, no other campaign can be using it.
    const isNeeded = await otherCampaignsRun(id).catch(() => false);
    if (!options.keep && !isNeeded) {
      if (worker?.started) await stopWorker();
      if (temporal.started) await temporal.stop();
    }
  }
}

/** Ctrl-C reaches the installers too and makes them fail. Report the interrupt, not their failure. */
async function install(options: DemoOptions, signal: AbortSignal): Promise<WorkerPurpose> {
  try {
    await setup();
    stopIfInterrupted(signal);
    return options.kubernetes ? await onKubernetes() : {};
  } finally {
    stopIfInterrupted(signal);
  }
}

/** @throws CommandError 130 after Ctrl-C while there is no campaign to pause yet */
function stopIfInterrupted(signal: AbortSignal): void {
  if (signal.aborted) throw new CommandError(EXIT.interrupted, 'interrupted before the campaign was submitted');
}

/**
 * The cluster that `KUBECONFIG` and `ORRERY_KUBERNETES` name, else this project's own.
 * @throws CommandError 69 when there is no cluster and this machine cannot run one, 2 when `KUBECONFIG` is set alone
 */
async function onKubernetes(): Promise<WorkerPurpose> {
  const foreign = foreignKubeconfig();
  if (foreign !== null) {
    const { server, version } = await foreignCluster(foreign);
    if (process.env.ORRERY_KUBERNETES === undefined) {
      throw new CommandError(
        EXIT.usage,
        `KUBECONFIG names the cluster ${server}, but ORRERY_KUBERNETES does not say how stages run on it`,
        'name a settings file in ORRERY_KUBERNETES (docs/kubernetes.md), or `unset KUBECONFIG` for a cluster on this machine',
      );
    }
    console.log(`using the cluster that KUBECONFIG names: ${server}, Kubernetes ${version}`);
    return { executor: 'kubernetes' };
  }
  await clusterUp((line) => console.error(`orrery: ${line}`));
  const env = workerEnvironment();
  process.env.ORRERY_STORE = env.ORRERY_STORE; // This process reads the report there.
  process.env.ORRERY_TASK_QUEUE = clusterTaskQueue(INITIAL_ENV);
  console.log(`using this project's cluster: KUBECONFIG=${kubeconfigPath()}`);
  return { executor: 'kubernetes', env };
}

/** Whether another campaign needs the worker and Temporal. Several demos may share them. */
function otherCampaignsRun(id: string): Promise<boolean> {
  return withClient(async (client) => {
    for await (const { workflowId, type } of openOnQueue(client, connectionSettings().taskQueue)) {
      if (type !== 'campaign' || workflowId === id) continue;
      const { status } = await viewCampaign(client, workflowId);
      if (status?.phase !== 'paused' && status?.phase !== 'held') return true;
    }
    return false;
  });
}

async function run(
  client: Client,
  id: string,
  campaign: CampaignFile,
  temporal: DemoTemporal,
  signal: AbortSignal,
): Promise<ExitCode> {
  await startOrContinue(client, id, campaign);
  console.log(`campaign ${id}: ${temporal.uiAddress}/namespaces/${temporal.place.namespace}/workflows/${id}`);
  const isHeld = ({ status }: CampaignView) => status?.phase === 'held';
  const view = await watchCampaign(client, id, signal, isHeld);
  if (view !== null && isHeld(view)) throw heldError(id, view);
  if (view === null || isRunning(view)) return interrupted(client, id, view);
  if (exitCodeOf(view) !== EXIT.ok) {
    throw new CommandError(
      EXIT.failed,
      `campaign ${id} did not complete`,
      ['the logs of the failed stages:', ...failedLogs(view)].join('\n'),
    );
  }
  const paths = findReport(id);
  console.log(['', ...resultLines(ReportSummary.parse(await readReport(id))), '', `report: ${paths.html}`].join('\n'));
  return EXIT.ok;
}

/** Submits the campaign, or continues the interrupted campaign with this id. */
async function startOrContinue(client: Client, id: string, campaign: CampaignFile): Promise<void> {
  try {
    await submitCampaign(client, id, campaign);
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== EXIT.running) throw error;
    const { status } = await viewCampaign(client, id);
    if (status?.phase === 'paused') await updateCampaign(client, id, 'resume');
    console.log(`campaign ${id} continues where it stopped`);
  }
}

/** Returns files, because `orrery logs` needs the worker, which the demo stops before anyone can run the command. */
function failedLogs({ status }: CampaignView): string[] {
  const stages = (status?.stages ?? []).filter(({ incidents, state }) => incidents.length > 0 && state !== 'completed');
  const files = stages.flatMap(({ key, attempt }) =>
    key === null || attempt === null ? [] : logFiles({ key, attempt }),
  );
  return [...files, inOrrery('logs', 'worker.log')];
}

/** A stage has used up its attempts. The demo ends, and the campaign waits for a person. */
function heldError(id: string, { status }: CampaignView): CommandError {
  const stages = (status?.stages ?? []).filter(({ state }) => state === 'held');
  const problem = stages.map(({ name, incidents }) => `${name} failed: ${incidents.at(-1)?.message ?? 'no message'}`);
  const command = (args: string) => orreryCommand(args, 'npx orrery');
  const retry = stages.map(({ name }) => command(`retry ${id} ${name}`)).join('; ');
  return new CommandError(
    EXIT.failed,
    problem.join('\n'),
    `the campaign waits: run the same command with --keep, then \`${retry}\`, or \`${command(`cancel ${id}`)}\``,
  );
}

/** Pauses the campaign after Ctrl-C, so that none of its processes keeps running on this machine. */
async function interrupted(client: Client, id: string, view: CampaignView | null): Promise<ExitCode> {
  console.log('\npausing: the stages save and end (Ctrl-C again to leave them running)');
  if (view?.status?.phase !== 'paused' && view?.status?.phase !== 'pausing') {
    try {
      await updateCampaign(client, id, 'pause');
    } catch (error) {
      console.error(`orrery: could not pause: ${errorMessage(error)}`);
    }
  }
  console.log('run the same command again to continue from here');
  return EXIT.interrupted;
}

interface DemoTemporal extends TemporalServer {
  readonly place: Place;
}

/** The Temporal server that the environment names, else this project's own on this machine. */
async function connectTemporal(): Promise<DemoTemporal> {
  const address = namedAddress();
  if (address !== null) {
    const uiAddress = process.env.ORRERY_TEMPORAL_UI ?? `http://${address.replace(/:\d+$/, '')}:8233`;
    const { namespace, taskQueue } = connectionSettings();
    return {
      address,
      uiAddress,
      place: { address, namespace, taskQueue },
      started: false,
      stop: async () => undefined,
    };
  }
  const server = await startProjectTemporal({}, INITIAL_ENV);
  const { taskQueue } = connectionSettings();
  return { ...server, place: { address: server.address, ...server.place, taskQueue } };
}

async function chosenCampaign({
  file,
  full,
  short,
  seed,
}: DemoOptions): Promise<{ id: string; campaign: CampaignFile }> {
  const example = inProject('examples', full ? 'tiny-full.yaml' : short ? 'tiny-short.yaml' : 'tiny.yaml');
  const { input, spec } = await readCampaignFile(file ?? example);
  if (seed === undefined) return { id: spec.name, campaign: { input, spec } };
  return { id: `${spec.name}-seed-${seed}`, campaign: { input: { ...input, seed }, spec: { ...spec, seed } } };
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31) return seed;
  throw new CommandError(EXIT.usage, `--seed: expected a whole number from 0 to 2147483647, but got "${text}"`);
}

function refuseWithoutSpace(): void {
  const { bavail, bsize } = statfsSync(PROJECT);
  const freeGb = (bavail * bsize) / 1e9;
  if (freeGb >= RUN_GB) return;
  throw new CommandError(
    EXIT.unavailable,
    `a run needs ${RUN_GB} GB of disk space, but ${freeGb.toFixed(1)} GB are free in ${PROJECT}`,
    'free some space there; you can remove the store in .orrery/store',
  );
}
