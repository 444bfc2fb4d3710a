import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import getPort from 'get-port';
import { z } from 'zod';
import { clusterPath, inCluster } from './paths.ts';

const Port = z.int().min(1).max(65_535);

/** The settings of a cluster. The first `cluster:up` chooses them, and later ones reuse them. */
export const ClusterSettings = z.object({
  /** Selects the bridge and the network, so that clusters of several clones can run on one machine. */
  number: z.int().min(0).max(255),
  adminToken: z.string(),
  ports: z.object({
    apiServer: Port,
    etcd: Port,
    etcdPeer: Port,
    controllerManager: Port,
    scheduler: Port,
    kubelet: Port,
    kubeletHealth: Port,
    kwok: Port,
  }),
});
export type ClusterSettings = z.infer<typeof ClusterSettings>;

const FILE = 'cluster.json';

/** Name of the real node. */
export const NODE = 'real-0';

export const bridgeOf = ({ number }: ClusterSettings): string => `orrery${number}`;
/** Address of the machine for pods. A kubelet rejects loopback addresses. */
export const addressOf = ({ number }: ClusterSettings): string => `10.244.${number}.1`;
export const subnetOf = ({ number }: ClusterSettings): string => `10.244.${number}.0/24`;
export const serverOf = (settings: ClusterSettings): string =>
  `https://${addressOf(settings)}:${settings.ports.apiServer}`;

/** The settings of this project's cluster; null when there is none. */
export function readSettings(): ClusterSettings | null {
  try {
    return ClusterSettings.parse(JSON.parse(readFileSync(inCluster(FILE), 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * The settings of this project's cluster, else new ones.
 * @param addresses - addresses of this machine, whose networks are in use
 */
export async function ensureSettings(addresses: readonly string[]): Promise<ClusterSettings> {
  const standing = readSettings();
  if (standing !== null) return standing;
  const port = () => getPort();
  const settings: ClusterSettings = {
    number: freeNumber(addresses),
    adminToken: randomBytes(24).toString('base64url'),
    ports: {
      apiServer: await port(),
      etcd: await port(),
      etcdPeer: await port(),
      controllerManager: await port(),
      scheduler: await port(),
      kubelet: await port(),
      kubeletHealth: await port(),
      kwok: await port(),
    },
  };
  await mkdir(clusterPath(), { recursive: true, mode: 0o755 });
  await writeFile(inCluster(`${FILE}.new`), JSON.stringify(settings, null, 2), { mode: 0o600 });
  await rename(inCluster(`${FILE}.new`), inCluster(FILE));
  return settings;
}

/** The lowest n whose network 10.244.n.0/24 contains none of these addresses. */
export function freeNumber(addresses: readonly string[]): number {
  const taken = new Set(addresses.map((address) => /^10\.244\.(\d+)\./.exec(address)?.[1]));
  for (let number = 0; number < 256; number += 1) if (!taken.has(String(number))) return number;
  throw new Error('every network 10.244.n.0/24 is taken on this machine');
}
