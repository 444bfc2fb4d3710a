import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, onTestFinished, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { createKubeClient } from '../../k8s/api/client.ts';
import { startHttps, testAuthority } from '../support/https-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const [authority, other] = [testAuthority(), testAuthority()];
afterAll(() => {
  authority[Symbol.dispose]();
  other[Symbol.dispose]();
});

interface Received {
  readonly socket: Socket;
  readonly authorization: string | undefined;
}

/** A client with an https server on this machine, which keeps watches and followed logs open. */
async function anApi() {
  const received: Received[] = [];
  const server = await startHttps(authority, (request, response) => {
    received.push({ socket: request.socket, authorization: request.headers.authorization });
    response.setHeader('content-type', 'application/json');
    const { searchParams } = new URL(request.url ?? '', 'https://localhost');
    if (searchParams.get('watch') === 'true') response.writeHead(200).flushHeaders();
    else if (searchParams.get('follow') === 'true') response.writeHead(200).write('first\n');
    else response.end(JSON.stringify({ metadata: { name: 'one' } }));
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const folder = await temporaryFolder();
  const [caFile, credential, kubeconfig] = [join(folder, 'ca'), join(folder, 'credential'), join(folder, 'config')];
  const setCa = (ca: string) => writeFile(caFile, ca);
  /** The credential has expired already, so the client asks for it before each request. */
  const setToken = (token: string) => {
    const status = { token, expirationTimestamp: '2020-01-01T00:00:00Z' };
    const answer = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status };
    return writeFile(credential, JSON.stringify(answer));
  };
  await Promise.all([setCa(authority.ca), setToken('first')]);
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'cat', args: [credential] };
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'here',
    clusters: [{ name: 'here', cluster: { server: server.origin, 'certificate-authority': caFile } }],
    contexts: [{ name: 'here', context: { cluster: 'here', user: 'worker' } }],
    users: [{ name: 'worker', user: { exec } }],
  };
  await writeFile(kubeconfig, stringify(content));
  vi.stubEnv('KUBECONFIG', kubeconfig);
  onTestFinished(() => void vi.unstubAllEnvs());
  const client = createKubeClient('lab');
  onTestFinished(() => client[Symbol.asyncDispose]());
  const sockets = () => new Set(received.map(({ socket }) => socket)).size;
  return { client, received, sockets, setCa, setToken };
}

test('requests one after the other use one connection', async () => {
  const { client, received, sockets } = await anApi();
  for (let number = 0; number < 10; number += 1) await client.getJob('one');
  expect([received.length, sockets()]).toEqual([10, 1]);
});

test('open watches and followed logs keep no request waiting, and have their own connections', async () => {
  const { client, received } = await anApi();
  const leaving = new AbortController();
  const streams = [
    ...Array.from({ length: 3 }, () => client.watch('jobs', {}, '1', leaving.signal)),
    ...Array.from({ length: 3 }, () => client.followLog('p', 'main', leaving.signal)),
  ];
  await Promise.all(streams.map((stream) => stream.next()));
  const streaming = new Set(received.splice(0).map(({ socket }) => socket));
  for (let number = 0; number < 5; number += 1) await client.getJob('one');
  const requesting = new Set(received.map(({ socket }) => socket));
  leaving.abort();
  await Promise.all(streams.map((stream) => stream.return(undefined)));
  expect([streaming.size, requesting.size, [...streaming].filter((one) => requesting.has(one))]).toEqual([6, 1, []]);
});

test('a new token is sent at once, over a new connection', async () => {
  const { client, received, sockets, setToken } = await anApi();
  await client.getJob('one');
  await setToken('second');
  await client.getJob('one');
  await client.getJob('one');
  expect(received.map(({ authorization }) => authorization)).toEqual([
    'Bearer first',
    'Bearer second',
    'Bearer second',
  ]);
  expect(sockets()).toBe(2);
});

test('a new certificate authority is asked at once: a connection that the old one vouched for is not used', async () => {
  const { client, sockets, setCa } = await anApi();
  await client.getJob('one');
  await setCa(other.ca);
  await expect(client.getJob('one')).rejects.toThrow(/certificate/);
  await setCa(`${other.ca}${authority.ca}`);
  await client.getJob('one');
  await client.getJob('one');
  expect(sockets()).toBe(2);
});

test('a disposed client closes its idle connections at once', async () => {
  const { client, received } = await anApi();
  await client.getJob('one');
  const closed = once(received[0]?.socket as Socket, 'close').then(() => 'closed');
  await client[Symbol.asyncDispose]();
  // An idle connection of a client that was not disposed closes after 3 s.
  expect(await Promise.race([closed, sleep(1500, 'open')])).toBe('closed');
});
