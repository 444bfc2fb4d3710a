import { createServer } from 'node:net';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import getPort from 'get-port';
import { expect, test } from 'vitest';
import { parsePort } from '../../config/ports.ts';
import { ensureTemporal, type TemporalOptions } from '../../dev/temporal-server.ts';
import { SEARCH_ATTRIBUTES } from '../../spec/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const options = async (ports: { port?: number; uiPort?: number }): Promise<TemporalOptions> => {
  const folder = await temporaryFolder();
  return {
    port: ports.port ?? (await getPort()),
    uiPort: ports.uiPort ?? (await getPort()),
    database: null,
    logFile: join(folder, 'temporal.log'),
    pidFile: join(folder, 'temporal.pid'),
    detached: false,
  };
};

test('the server knows our search attributes; a second start uses it, and another project does not', async () => {
  const own = await options({});
  const temporal = await ensureTemporal(own);
  try {
    const connection = await Connection.connect({ address: temporal.address });
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'default' });
    await connection.close();
    expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(Object.keys(SEARCH_ATTRIBUTES)));

    expect(await ensureTemporal(own)).toMatchObject({ started: false, address: temporal.address });
    await expect(ensureTemporal({ ...own, port: await getPort() })).rejects.toThrow(`on port ${own.port} and not on`);
    await expect(ensureTemporal(await options({ port: own.port }))).rejects.toThrow(
      new RegExp(`port ${own.port} is taken by another Temporal\\n.*TEMPORAL_ADDRESS joins`),
    );
  } finally {
    await temporal.stop();
  }
});

test('a port that another program uses is named, with how to choose another', async () => {
  const other = createServer((socket) => socket.destroy());
  const port = await new Promise<number>((resolve) => {
    other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port));
  });
  try {
    await expect(ensureTemporal(await options({ port }))).rejects.toThrow(
      `port ${port} is taken by something that is no Temporal`,
    );
    await expect(ensureTemporal(await options({ uiPort: port }))).rejects.toThrow(/ORRERY_TEMPORAL_UI_PORT=/);
  } finally {
    other.close();
  }
});

test.each(['0', '65536', '1x', ''])('"%s" is no port', (text) => {
  expect(() => parsePort(text, '--port')).toThrow('expected a port from 1 to 65535');
});
