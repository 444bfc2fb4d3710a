import { existsSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import getPort from 'get-port';
import { expect, onTestFinished, test } from 'vitest';
import { connect, connectionSettings } from '../../config/connect.ts';
import { rememberedServer } from '../../config/remembered.ts';
import { type ServerFiles, startProjectTemporal } from '../../dev/project-temporal.ts';
import { stopTemporal } from '../../dev/temporal-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** The files of a clone that has no others. Its server ends with the test. */
async function aClone(): Promise<ServerFiles> {
  const folder = await temporaryFolder();
  const files = {
    database: join(folder, 'temporal.db'),
    logFile: join(folder, 'temporal.log'),
    pidFile: join(folder, 'server.pid'),
    connectionFile: join(folder, 'connection.json'),
  };
  onTestFinished(async () => {
    await stopTemporal(files);
  });
  return files;
}

const NO_PROFILE = { TEMPORAL_CONFIG_FILE: '/no/such/temporal.toml' };

/** Starts the server of a clone. */
const start = async (files: ServerFiles, env: Record<string, string> = {}) => {
  const said: string[] = [];
  const server = await startProjectTemporal({}, env, files, (line) => said.push(line));
  return { ...server, said };
};
/** As a later command of the clone would find it. */
const settingsOf = (files: ServerFiles) => connectionSettings(NO_PROFILE, rememberedServer(files.connectionFile));

test('two clones that start at the same time get a Temporal server each, and each finds its own again', async () => {
  const clones = await Promise.all([aClone(), aClone()]);
  const servers = await Promise.all(clones.map((files) => start(files)));
  expect(new Set(servers.map(({ address }) => address)).size).toBe(2);
  expect(new Set(servers.flatMap(({ place }) => [place.port, place.uiPort])).size).toBe(4);
  for (const [index, files] of clones.entries()) {
    const { address, place } = servers[index] as (typeof servers)[number];
    const settings = settingsOf(files);
    expect(settings.connectionOptions.address).toBe(address);
    await (await connect(settings)).connection.close();
    expect(await start(files)).toMatchObject({ started: false, address, said: [], place });
  }
});

test('a Temporal of another project on the remembered port is not joined: later commands refuse it, and the server moves', async () => {
  const [ours, theirs] = [await aClone(), await aClone()];
  const ports = { ORRERY_TEMPORAL_PORT: `${await getPort()}`, ORRERY_TEMPORAL_UI_PORT: `${await getPort()}` };
  const first = await start(ours, { ...ports, ORRERY_TASK_QUEUE: 'kept' });
  await first.stop();
  const other = await start(theirs, ports);
  expect(other.address).toBe(first.address);

  await expect(connect(settingsOf(ours))).rejects.toThrow(
    `the Temporal server at ${first.address} is not the one that this project started there`,
  );
  // Who names the address means what answers.
  const named = connectionSettings(
    { ...NO_PROFILE, TEMPORAL_ADDRESS: first.address },
    rememberedServer(ours.connectionFile),
  );
  await (await connect(named)).connection.close();

  const moved = await start(ours);
  expect(moved.address).not.toBe(first.address);
  expect(moved.said).toEqual([expect.stringContaining(`Temporal moves from port ${first.place.port}`)]);
  // It is the same database, and the same queue.
  expect(moved.place).toMatchObject({ namespaceId: first.place.namespaceId, taskQueue: 'kept' });
  expect(settingsOf(ours)).toMatchObject({ namespaceId: first.place.namespaceId, taskQueue: 'kept' });
});

test('requested ports are used or refused, and never replaced', async () => {
  const files = await aClone();
  const holder = createServer((socket) => socket.destroy());
  const port = await getPort();
  await new Promise<void>((resolve) => holder.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void holder.close());
  await expect(start(files, { ORRERY_TEMPORAL_PORT: `${port}` })).rejects.toThrow(`port ${port} is taken by`);
  expect(existsSync(files.connectionFile)).toBe(false);
});

test('a server with a new database counts as another one and is remembered', async () => {
  const files = await aClone();
  const before = await start(files, { TEMPORAL_NAMESPACE: 'teams' });
  await before.stop();
  for (const end of ['', '-shm', '-wal']) rmSync(`${files.database}${end}`, { force: true });
  const after = await start(files);
  expect(after.place).toMatchObject({ namespace: 'teams' });
  expect(after.place.namespaceId).not.toBe(before.place.namespaceId);
  await (await connect(settingsOf(files))).connection.close();
});
