import { networkInterfaces } from 'node:os';
import { execa } from 'execa';
import { addressOf, bridgeOf, type ClusterSettings } from './settings.ts';

/** The bridge that pods and this machine meet on. */

/** Makes the bridge, or leaves it as it stands. */
export async function ensureBridge(settings: ClusterSettings): Promise<void> {
  const bridge = bridgeOf(settings);
  const addresses = networkInterfaces()[bridge] ?? [];
  if (addresses.some(({ address }) => address === addressOf(settings))) return;
  await execa('ip', ['link', 'add', bridge, 'type', 'bridge'], { reject: false }); // may stand, without its address
  await execa('ip', ['address', 'add', `${addressOf(settings)}/24`, 'dev', bridge], { reject: false });
  await execa('ip', ['link', 'set', bridge, 'up']);
}

export async function removeBridge(settings: ClusterSettings): Promise<void> {
  await execa('ip', ['link', 'delete', bridgeOf(settings)], { reject: false }); // may be gone
}
