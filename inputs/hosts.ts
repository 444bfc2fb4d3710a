import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { type InputRules, settingOfHost } from './rules.ts';

/**
 * Addresses outside of the public internet (IANA special-purpose registries). A campaign must not read what is only
 * meant for a local network.
 */
const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ['::', 127],
  ['64:ff9b::', 32],
  ['fc00::', 7],
  ['fe80::', 9],
  ['ff00::', 8],
] as const) {
  PRIVATE.addSubnet(network, prefix, 'ipv6');
}

/** Whether an IP address is outside of the public internet. An IPv4 address mapped to IPv6 is treated as IPv4. */
export function isPrivate(ip: string): boolean {
  const family = isIP(ip);
  return family === 0 || PRIVATE.check(ip, family === 6 ? 'ipv6' : 'ipv4');
}

/** Why fetching from an address is not allowed, without a DNS lookup; null if it is allowed. */
export function refusalOfHost(url: URL, rules: Pick<InputRules, 'hosts'>): string | null {
  if (isListed(url, rules)) return null;
  const { hostname } = url;
  const ip = hostname.replace(/^\[|\]$/g, '');
  const isOfThisMachine = hostname === 'localhost' || hostname.endsWith('.localhost');
  return isOfThisMachine || (isIP(ip) !== 0 && isPrivate(ip)) ? privateHost(url.host) : null;
}

const isListed = (url: URL, { hosts }: Pick<InputRules, 'hosts'>): boolean =>
  settingOfHost(url, (host) => hosts.has(host) || undefined) === true;

const privateHost = (host: string): string =>
  `expected a host of the public internet, but ${host} is a private address; add it to ORRERY_DATA_HOSTS of the worker`;

/** A host name resolves to private addresses. */
export class PrivateHostError extends Error {
  override readonly name = 'PrivateHostError';
}

/**
 * DNS lookup that refuses names with a private address. It runs for each connection, so a name cannot resolve to
 * another address after it was checked.
 */
export function lookupFor(url: URL, rules: Pick<InputRules, 'hosts'>): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error !== null) return callback(error, '');
      if (!isListed(url, rules) && addresses.some(({ address }) => isPrivate(address))) {
        return callback(new PrivateHostError(privateHost(url.host)), '');
      }
      if (options.all === true) return callback(null, addresses);
      const [first] = addresses;
      return callback(null, first?.address ?? '', first?.family);
    });
  };
}
