import { execa } from 'execa';
import { addressOf, bridgeOf, type ClusterSettings } from './settings.ts';

/** The bridge that pods and this machine meet on. */

/**
 * All IPv4 addresses of this machine, also those of a bridge that has no pod on it: Node's own list leaves out what carries nothing at the
 * moment, and two clusters would take one network.
 */
export async function machineAddresses(): Promise<string[]> {
  const { stdout } = await execa('ip', ['-json', '-4', 'address']);
  return addressesIn(stdout);
}

/** @param printed - of `ip -json address` */
export const addressesIn = (printed: string): string[] =>
  (JSON.parse(printed) as { addr_info?: { local?: string }[] }[]).flatMap(({ addr_info = [] }) =>
    addr_info.flatMap(({ local }) => local ?? []),
  );

/** Makes the bridge, or leaves it as it stands. */
export async function ensureBridge(settings: ClusterSettings): Promise<void> {
  const bridge = bridgeOf(settings);
  await execa('ip', ['link', 'add', bridge, 'type', 'bridge'], { reject: false }); // may stand, without its address
  if (!(await machineAddresses()).includes(addressOf(settings)))
    await execa('ip', ['address', 'add', `${addressOf(settings)}/24`, 'dev', bridge]);
  await execa('ip', ['link', 'set', bridge, 'up']);
}

export async function removeBridge(settings: ClusterSettings): Promise<void> {
  await execa('ip', ['link', 'delete', bridgeOf(settings)], { reject: false }); // may be gone
}
