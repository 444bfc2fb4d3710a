import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startPolicyServer } from '../../local/policy-server.ts';
import { freePort, isFree } from '../../local/ports.ts';
import { groupListensOn } from '../../local/processes.ts';
import { policyServer } from './support.ts';

vi.setConfig({ testTimeout: 30_000 });

let store: string;
beforeEach(() => {
  store = mkdtempSync(join(tmpdir(), 'orrery-policy-'));
});
afterEach(() => rmSync(store, { recursive: true, force: true }));

const never = new AbortController().signal;
const spec = () => ({
  command: process.execPath,
  args: policyServer('ready').args,
  cwd: store,
  env: { ...process.env, ORRERY_STORE: store },
  logFile: join(store, 'server.log'),
  startSeconds: 10,
});

test('if another server answers on the port, the next port is tried', async () => {
  const other = createHttpServer((_, response) => response.end('another policy')).listen(0, '127.0.0.1');
  await once(other, 'listening');
  const taken = (other.address() as AddressInfo).port;
  const ports = [taken, taken, await freePort()];
  const start = await startPolicyServer({ ...spec(), pickPort: async () => ports.shift()! }, never);
  try {
    if (start.kind !== 'ready') throw new Error(`expected a ready server, but it is ${start.kind}`);
    expect(ports).toEqual([]);
    expect(await (await fetch(`${start.url}/who`)).text()).toBe(`pid ${start.container.pid}`);
    expect(readFileSync(join(store, 'server.log'), 'utf8')).toContain('EADDRINUSE');
  } finally {
    other.close();
    if (start.kind === 'ready') await start.container.terminate(1000);
  }
});

test('a start that fails on a free port is not repeated', async () => {
  let picked = 0;
  const pickPort = async () => {
    picked += 1;
    return await freePort();
  };
  const start = await startPolicyServer({ ...spec(), args: policyServer('exit', '66').args, pickPort }, never);
  expect(start).toMatchObject({ kind: 'ended', end: { exitCode: 66 } });
  expect(picked).toBe(1);
});

test('a free port is free, and a taken one is not', async () => {
  const port = await freePort();
  expect(await isFree(port)).toBe(true);
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  expect(await isFree(port)).toBe(false);
  server.close();
});

test.runIf(process.platform === 'linux')(
  'a listener is distinguished from a foreign process on the same port',
  async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const ownGroup = Number(readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ')[2]);
    expect(await groupListensOn(ownGroup, port)).toBe(true);
    expect(await groupListensOn(1, port)).toBe(false);
    server.close();
  },
);
