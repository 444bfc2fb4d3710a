import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { CommandError, EXIT } from '../../config/command-errors.ts';
import { connectionSettings, queueFrom } from '../../config/connect.ts';
import { isReady, kubeConfigFrom } from './api.ts';
import { buildBinaries, missingBinaries } from './binaries.ts';
import { COMPONENTS, type ComponentName, containerdSocket } from './components.ts';
import { configurationOf, kubeconfigOf, type Snapshotter } from './configuration.ts';
import { setPodCpuShares } from './cpu-shares.ts';
import { pauseImage, stageImage } from './images.ts';
import { configuredSnapshotter, importImage } from './import-image.ts';
import { unmountAll } from './mounts.ts';
import { NAMESPACE, prepareNamespace, writeWorkerKubeconfig } from './namespace.ts';
import { ensureBridge, machineAddresses } from './network.ts';
import { readyNode } from './node.ts';
import { clusterPath, clusterStorePath, inCluster, kubeconfigPath } from './paths.ts';
import { componentLog, componentPid, startComponent } from './processes.ts';
import { installPackages, machineFacts, packageFile, refuseWhereImpossible } from './requirements.ts';
import { type ClusterSettings, ensureSettings, serverOf } from './settings.ts';
import { workerSettingsText } from './worker-settings.ts';

/** Prints one line of progress. */
export type PrintLine = (line: string) => void;

const START_TIMEOUT_MS = 60_000;

/** The worker's kubeconfig. It has the rights of the worker's ServiceAccount. */
export const workerKubeconfigPath = (): string => inCluster('worker.kubeconfig');
/** The settings file that `ORRERY_KUBERNETES` names for a worker on this cluster. */
export const workerSettingsPath = (): string => inCluster('kubernetes.yaml');

/** The environment of a worker on this project's cluster, and of CLI commands for its campaigns. */
export const workerEnvironment = (): Record<string, string> => ({
  ORRERY_EXECUTOR: 'kubernetes',
  ORRERY_KUBERNETES: workerSettingsPath(),
  ORRERY_STORE: clusterStorePath(),
  KUBECONFIG: workerKubeconfigPath(),
});

/** The task queue of that worker. A queue belongs to one store, and the default queue to the store of local stages. */
export const clusterTaskQueue = (env: NodeJS.ProcessEnv = process.env): string =>
  queueFrom(env) ?? `${connectionSettings(env).taskQueue}-kubernetes`;

/**
 * Creates the cluster, or completes a partial one. Every step keeps what exists, so the process may be killed at any
 * point and run again.
 * @throws CommandError 69 when this machine cannot run a cluster, or when a component does not start
 */
export async function clusterUp(printLine: PrintLine): Promise<ClusterSettings> {
  const facts = await machineFacts(missingBinaries().length === 0);
  refuseWhereImpossible(facts);
  await installPackages(facts.missingPackages, printLine);
  await buildBinaries(printLine);

  const settings = await ensureSettings(await machineAddresses());
  const runtime = await runtimeOf();
  await writeConfiguration(settings, runtime);
  await ensureBridge(settings);
  setPodCpuShares();
  await start('etcd', settings);
  await start('containerd', settings);
  await start('kube-apiserver', settings);
  const stage = await stageImage();
  await until(() => existsSync(containerdSocket()), 'containerd');
  for (const image of [await pauseImage(), stage]) await importImage(image, runtime.snapshotter, printLine);

  await until(() => existsSync(inCluster('certs', 'apiserver.crt')), 'kube-apiserver');
  await writeAdminKubeconfig(settings);
  const admin = kubeConfigFrom(kubeconfigPath());
  await until(() => isReady(admin), 'kube-apiserver');
  for (const name of COMPONENTS.slice(3)) await start(name, settings);
  await readyNode(admin, START_TIMEOUT_MS).catch((error: Error) => {
    throw failed('kubelet', error.message);
  });
  await prepareNamespace(admin, { namespace: NAMESPACE, store: clusterStorePath() });
  await writeWorkerKubeconfig(admin, NAMESPACE, workerKubeconfigPath());
  await replace(workerSettingsPath(), workerSettingsText(NAMESPACE, stage.name));
  printLine(`node ready, store in ${clusterStorePath()}`);
  return settings;
}

async function start(name: ComponentName, settings: ClusterSettings): Promise<void> {
  await startComponent(name, settings);
}

/**
 * Waits until a component is ready.
 * @throws CommandError 69 with the end of its log when it has ended or takes too long
 */
async function until(isComponentReady: () => boolean | Promise<boolean>, name: ComponentName): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (let polls = 0; !(await isComponentReady()); polls += 1) {
    if (polls > 20 && (await componentPid(name)) === null) throw failed(name, 'it has ended');
    if (Date.now() > deadline) throw failed(name, `it is not ready after ${START_TIMEOUT_MS / 1000} s`);
    await sleep(100);
  }
}

function failed(name: ComponentName, problem: string): CommandError {
  const log = componentLog(name);
  const lastLines = existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n').slice(-6).join('\n') : '';
  return new CommandError(
    EXIT.unavailable,
    `${name}: ${problem}\n${lastLines}`,
    `the whole log is ${log}; \`npm run cluster:down\` removes everything, then try again`,
  );
}

/** Uses overlay mounts when the file system of the cluster's folder supports them, else copies. */
async function runtimeOf(): Promise<Snapshotter> {
  const plugins = packageFile('containernetworking-plugins');
  if (plugins === null) throw new Error('there are no network plugins');
  const configured = configuredSnapshotter();
  return { snapshotter: configured ?? ((await supportsOverlays()) ? 'overlayfs' : 'native'), cni: dirname(plugins) };
}

async function supportsOverlays(): Promise<boolean> {
  await unmountAll(inCluster('overlay')); // An earlier process may have been killed here.
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => inCluster('overlay', name));
  for (const folder of [lower, upper, work, merged]) await mkdir(folder ?? '', { recursive: true });
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  const mount = await execa('mount', ['-t', 'overlay', 'overlay', '-o', options, merged ?? ''], { reject: false });
  if (!mount.failed) await execa('umount', [merged ?? '']);
  await rm(inCluster('overlay'), { recursive: true });
  return !mount.failed;
}

async function writeConfiguration(settings: ClusterSettings, runtime: Snapshotter): Promise<void> {
  await mkdir(inCluster('certs'), { recursive: true });
  for (const [path, text] of Object.entries(configurationOf(settings, runtime))) {
    await mkdir(dirname(inCluster(path)), { recursive: true });
    await replace(inCluster(path), text);
  }
  // Pods resolve only names of the cluster.
  await replace(inCluster('resolv.conf'), '');
  const key = inCluster('certs', 'service-accounts.key');
  if (existsSync(key)) return;
  const { privateKey, publicKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });
  await replace(inCluster('certs', 'service-accounts.pub'), publicKey);
  await replace(key, privateKey);
}

async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

async function writeAdminKubeconfig(settings: ClusterSettings): Promise<void> {
  const certificateAuthority = readFileSync(inCluster('certs', 'apiserver.crt'), 'utf8');
  await mkdir(clusterPath(), { recursive: true });
  const access = { server: serverOf(settings), token: settings.adminToken, certificateAuthority, namespace: NAMESPACE };
  await replace(kubeconfigPath(), kubeconfigOf(access));
}
