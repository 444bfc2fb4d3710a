import { existsSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { execa } from 'execa';
import { CommandError, EXIT } from '../../config/command-errors.ts';
import { clusterPath } from './paths.ts';

/** Requirements of a cluster on this machine. */

/** Facts that decide whether this machine can run a cluster. */
export interface MachineFacts {
  readonly platform: string;
  readonly arch: string;
  readonly isRoot: boolean;
  /** For example `go1.26.8`; null without Go. */
  readonly go: string | null;
  /** Whether all programs are built already. */
  readonly built: boolean;
  /** Whether Debian packages can be installed. */
  readonly apt: boolean;
  /** Missing Debian packages. */
  readonly missingPackages: readonly string[];
  readonly folder: string;
}

/**
 * Debian package -> files. One existing file means that the package is there, even if it was installed in another way.
 */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  runc: ['/usr/sbin/runc', '/usr/bin/runc', '/usr/local/bin/runc', '/usr/local/sbin/runc'],
  'containernetworking-plugins': ['/usr/lib/cni/bridge', '/opt/cni/bin/bridge'],
  'busybox-static': ['/bin/busybox', '/usr/bin/busybox'],
  iproute2: ['/usr/sbin/ip', '/sbin/ip', '/usr/bin/ip', '/bin/ip'],
};

/**
 * The cluster's folder contains sockets. A socket path has at most 108 bytes, and our longest name takes 47 of them.
 */
const LONGEST_FOLDER = 60;

const ALTERNATIVE =
  'use another cluster instead: create one with kind (https://kind.sigs.k8s.io), or name one in KUBECONFIG (docs/cluster.md)';

/** Why this machine cannot run a cluster, and how to fix it; null when it can. */
export function refusalOf(facts: MachineFacts): string | null {
  if (facts.platform !== 'linux') return `a cluster of its own needs Linux, and this is ${facts.platform}`;
  if (!['x64', 'arm64'].includes(facts.arch))
    return `a cluster of its own needs x64 or arm64, and this is ${facts.arch}`;
  if (!facts.isRoot)
    return 'a cluster of its own needs root (network, mounts, control groups): run the command with sudo';
  if (facts.go === null && !facts.built) {
    return 'the programs of the cluster are built with Go 1.26 or newer (https://go.dev/dl), and there is none on the PATH';
  }
  if (facts.missingPackages.length > 0 && !facts.apt) {
    return `these are needed, by their names in Debian: ${facts.missingPackages.join(', ')}; and there is no apt-get to install them with`;
  }
  if (facts.folder.length > LONGEST_FOLDER) {
    return `sockets lie in ${facts.folder}, whose path is longer than ${LONGEST_FOLDER} characters: name a shorter one in ORRERY_CLUSTER`;
  }
  return null;
}

/** The first existing file of a Debian package; null when it is not installed. */
export const packageFile = (name: string): string | null => PACKAGES[name]?.find((file) => existsSync(file)) ?? null;

export async function machineFacts(built: boolean): Promise<MachineFacts> {
  const [go, apt] = await Promise.all([
    execa('go', ['env', 'GOVERSION'], { reject: false }),
    execa('apt-get', ['--version'], { reject: false }),
  ]);
  return {
    platform: platform(),
    arch: arch(),
    isRoot: process.getuid?.() === 0,
    go: go.failed ? null : go.stdout.trim(),
    built,
    apt: !apt.failed,
    missingPackages: Object.keys(PACKAGES).filter((name) => packageFile(name) === null),
    folder: clusterPath(),
  };
}

/** @throws CommandError 69 with the missing requirement and the alternatives */
export function refuseWhereImpossible(facts: MachineFacts): void {
  const refusal = refusalOf(facts);
  if (refusal !== null) throw new CommandError(EXIT.unavailable, refusal, ALTERNATIVE);
}

/** Installs Debian packages. @throws CommandError 69 with the output of apt-get */
export async function installPackages(names: readonly string[], printLine: (line: string) => void): Promise<void> {
  if (names.length === 0) return;
  printLine(`installing ${names.join(', ')} (apt-get)`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const install = () =>
    execa('apt-get', ['install', '--yes', '--quiet', '--no-install-recommends', ...names], {
      env,
      all: true,
      reject: false,
    });
  let result = await install();
  if (result.failed) {
    await execa('apt-get', ['update', '--quiet'], { env, reject: false });
    result = await install();
  }
  if (!result.failed) return;
  throw new CommandError(
    EXIT.unavailable,
    `apt-get install ${names.join(' ')} failed:\n${result.all.split('\n').slice(-6).join('\n')}`,
    `install them by hand, or ${ALTERNATIVE}`,
  );
}
