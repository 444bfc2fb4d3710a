import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { type InputRules, ofHost } from './rules.ts';

/** Addresses that are not of the public internet (IANA special-purpose registries): what lies there was not put up for whoever asks. */
const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ...[
    ['0.0.0.0', 8],
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
  ],
  ...[
    ['172.16.0.0', 12],
    ['192.0.0.0', 24],
    ['192.168.0.0', 16],
    ['198.18.0.0', 15],
    ['224.0.0.0', 3],
  ],
] as [string, number][]) {
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

/** Whether an IP address is not of the public internet. IPv4 within IPv6 counts as what it is. */
export function isPrivate(ip: string): boolean {
  const family = isIP(ip);
  return family === 0 || PRIVATE.check(ip, family === 6 ? 'ipv6' : 'ipv4');
}

/** Why an address may not be fetched from, as far as it tells itself; null if it may. */
export function refusalOfHost(url: URL, rules: Pick<InputRules, 'hosts'>): string | null {
  if (isListed(url, rules)) return null;
  const { hostname } = url;
  const ip = hostname.replace(/^\[|\]$/g, '');
  const isOfThisMachine = hostname === 'localhost' || hostname.endsWith('.localhost');
  return isOfThisMachine || (isIP(ip) !== 0 && isPrivate(ip)) ? privateHost(url.host) : null;
}

const isListed = (url: URL, { hosts }: Pick<InputRules, 'hosts'>): boolean =>
  ofHost(url, (host) => hosts.has(host) || undefined) === true;

const privateHost = (host: string): string =>
  `expected a host of the public internet, but ${host} is a private address; add it to ORRERY_DATA_HOSTS of the worker`;

/** A name was looked up, and its addresses are private. */
export class PrivateHostError extends Error {
  override readonly name = 'PrivateHostError';
}

/** Looks names up as `net` does, and refuses those with a private address: asked for each connection, so that no name changes its mind. */
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
