import { execa } from 'execa';
import { addressOf, bridgeOf, type ClusterSettings } from './settings.ts';

/** The bridge between the pods and this machine. */

/**
 * All IPv4 addresses of this machine. Node's own list omits a bridge without pods, and then two clusters would choose
 * the same network.
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

/** Creates the bridge, or keeps an existing one. */
export async function ensureBridge(settings: ClusterSettings): Promise<void> {
  const bridge = bridgeOf(settings);
  // It may exist, even without its address.
  await execa('ip', ['link', 'add', bridge, 'type', 'bridge'], { reject: false });
  if (!(await machineAddresses()).includes(addressOf(settings)))
    await execa('ip', ['address', 'add', `${addressOf(settings)}/24`, 'dev', bridge]);
  await execa('ip', ['link', 'set', bridge, 'up']);
}

export async function removeBridge(settings: ClusterSettings): Promise<void> {
  await execa('ip', ['link', 'delete', bridgeOf(settings)], { reject: false }); // It may not exist.
}
