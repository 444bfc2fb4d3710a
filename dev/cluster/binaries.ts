import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, rename } from 'node:fs/promises';
import { arch } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import prettyMs from 'pretty-ms';
import { CommandError, EXIT } from '../../config/command-errors.ts';
import { cachePath, inClusterSources } from './paths.ts';

/** Builds the programs of a cluster with `go build`. The go.mod of each folder pins every version and hash. */

/** A folder with a go.mod, and the programs built from it. */
interface GoModule {
  readonly folder: string;
  /** Name of the program -> its Go package. */
  readonly packages: Readonly<Record<string, string>>;
  readonly cgo: boolean;
  /** Seconds that the first build took on two cores. Shown to the person who waits. */
  readonly seconds: number;
}

const MODULES = [
  {
    folder: 'kubernetes',
    packages: {
      etcd: 'go.etcd.io/etcd/server/v3',
      'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
      'kube-controller-manager': 'k8s.io/kubernetes/cmd/kube-controller-manager',
      'kube-scheduler': 'k8s.io/kubernetes/cmd/kube-scheduler',
      kubelet: 'k8s.io/kubernetes/cmd/kubelet',
      kubectl: 'k8s.io/kubernetes/cmd/kubectl',
    },
    cgo: true,
    seconds: 390,
  },
  {
    folder: 'containerd',
    packages: {
      containerd: 'github.com/containerd/containerd/v2/cmd/containerd',
      'containerd-shim-runc-v2': 'github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2',
      ctr: 'github.com/containerd/containerd/v2/cmd/ctr',
    },
    cgo: false,
    seconds: 100,
  },
  { folder: 'coredns', packages: { coredns: 'github.com/coredns/coredns' }, cgo: false, seconds: 160 },
  { folder: 'kwok', packages: { kwok: 'sigs.k8s.io/kwok/cmd/kwok' }, cgo: false, seconds: 120 },
] as const satisfies readonly GoModule[];

/** Name of a program of the cluster. */
export type Binary = KeysOf<(typeof MODULES)[number]['packages']>;
type KeysOf<T> = T extends unknown ? keyof T : never;

const KWOK_MODULE = 'sigs.k8s.io/kwok';
/** KWOK's own stages for nodes and for the start and deletion of pods. Our kwok/pod-complete.yaml does the rest. */
const KWOK_STAGES = [
  'node/fast/node-initialize.yaml',
  'node/heartbeat-with-lease/node-heartbeat-with-lease.yaml',
  'pod/fast/pod-ready.yaml',
  'pod/fast/pod-delete.yaml',
] as const;

/** The version that a go.mod requires of a module: `v1.36.3`. */
export function requiredVersion(goMod: string, module: string): string {
  const line = new RegExp(`^\\s*(?:require\\s+)?${module.replaceAll('.', '\\.')}\\s+(v\\S+)`, 'm').exec(goMod);
  if (line?.[1] === undefined) throw new Error(`go.mod does not require ${module}`);
  return line[1];
}

/** Linker flags of the Kubernetes programs. Without them they report version v0.0.0. */
export function kubernetesLinkerFlags(version: string): string {
  const [major, minor] = version.slice(1).split('.');
  const set = (name: string, value = '') => `-X k8s.io/component-base/version.${name}=${value}`;
  return [set('gitVersion', version), set('gitMajor', major), set('gitMinor', minor)].join(' ');
}

/** The folder of a module's programs. Every version, hash and machine architecture has a folder of its own. */
function binariesOf({ folder }: GoModule): string {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(inClusterSources(folder, file)));
  return cachePath(`${folder}-${hash.update(arch()).digest('hex').slice(0, 12)}`);
}

/** The path of a built program. */
export function binaryPath(name: Binary): string {
  const module = MODULES.find(({ packages }) => name in packages);
  if (module === undefined) throw new Error(`no program is called ${name}`);
  return join(binariesOf(module), name);
}

/** Folders of all programs, for a PATH. */
export const binaryFolders = (): string[] => MODULES.map(binariesOf);

/** KWOK's configuration files, which {@link buildBinaries} copies, and ours. */
export const kwokConfigs = (): string[] => [
  ...KWOK_STAGES.map((file) => join(dirname(binaryPath('kwok')), basename(file))),
  inClusterSources('kwok', 'pod-complete.yaml'),
];

/** Programs and files that must still be built. */
export const missingBinaries = (): string[] => [
  ...MODULES.flatMap(({ packages }) => Object.keys(packages) as Binary[]).filter(
    (name) => !existsSync(binaryPath(name)),
  ),
  ...(kwokConfigs().every((file) => existsSync(file)) ? [] : ['the stages of kwok']),
];

/**
 * Builds the missing programs. Two processes may build at once, because each renames its finished program into place.
 * @throws CommandError 69 when a build fails, after the output of Go
 */
export async function buildBinaries(printLine: (line: string) => void): Promise<void> {
  const missing = new Set(missingBinaries());
  for (const module of MODULES) {
    const names = Object.keys(module.packages).filter((name) => missing.has(name));
    if (names.length === 0) continue;
    printLine(`building ${names.join(', ')} (about ${prettyMs(module.seconds * 1000)} on two cores, the first time)`);
    for (const name of names) await build(module, name, printLine);
  }
  if (missing.has('the stages of kwok')) await copyKwokStages();
}

async function build(module: GoModule, name: string, printLine: (line: string) => void): Promise<void> {
  const began = Date.now();
  const target = join(binariesOf(module), name);
  const temporary = `${target}.${process.pid}.tmp`;
  const goMod = readFileSync(inClusterSources(module.folder, 'go.mod'), 'utf8');
  const versioned = module.folder === 'kubernetes' && name !== 'etcd';
  const flags = versioned ? kubernetesLinkerFlags(requiredVersion(goMod, 'k8s.io/kubernetes')) : '';
  await mkdir(dirname(target), { recursive: true });
  await go(module.folder, module.cgo, [
    ...['build', '-mod=readonly', '-ldflags', `-s -w ${flags}`.trim(), '-o', temporary],
    module.packages[name] ?? name,
  ]);
  await rename(temporary, target);
  printLine(`built ${name} in ${prettyMs(Date.now() - began)}`);
}

/** Copies the stages from KWOK's module, at the version of go.mod. */
async function copyKwokStages(): Promise<void> {
  const source = (await go('kwok', false, ['list', '-m', '-f', '{{.Dir}}', KWOK_MODULE])).trim();
  for (const file of KWOK_STAGES) {
    const target = join(dirname(binaryPath('kwok')), basename(file));
    await execa('cp', [join(source, 'kustomize', 'stage', file), `${target}.tmp`]);
    await chmod(`${target}.tmp`, 0o644);
    await rename(`${target}.tmp`, target);
  }
}

/** Runs Go in a module's folder and shows its stderr. @returns its stdout */
async function go(folder: string, cgo: boolean, args: readonly string[]): Promise<string> {
  const { stdout, failed, exitCode } = await execa('go', args, {
    cwd: inClusterSources(folder),
    env: cgo ? {} : { CGO_ENABLED: '0' },
    stdin: 'ignore',
    stderr: 'inherit',
    reject: false,
  });
  if (!failed) return stdout;
  throw new CommandError(
    EXIT.unavailable,
    `go ${args[0]} in cluster/${folder} ended with ${exitCode ?? 'no exit code'}; its error is printed above`,
    'fix the error, then run the same command again (is the Go module proxy reachable? GOPROXY names another)',
  );
}
