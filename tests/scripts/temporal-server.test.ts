import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import getPort from 'get-port';
import { expect, test } from 'vitest';
import { parsePort } from '../../cli/ports.ts';
import { ensureTemporal, type TemporalOptions } from '../../scripts/temporal-server.ts';
import { SEARCH_ATTRIBUTES } from '../../spec/index.ts';
import { startTemporal } from '../support/temporal.ts';

const options = async (ports: { port?: number; uiPort?: number }): Promise<TemporalOptions> => ({
  port: ports.port ?? (await getPort()),
  uiPort: ports.uiPort ?? (await getPort()),
  database: null,
  logFile: join(tmpdir(), `orrery-test-${process.pid}.log`),
  pidFile: join(tmpdir(), `orrery-test-${process.pid}.pid`),
  detached: false,
});

test('the server knows our search attributes, and a second start uses it', async () => {
  const temporal = await startTemporal();
  try {
    const connection = await Connection.connect({ address: temporal.address });
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'default' });
    await connection.close();
    expect(Object.keys(customAttributes)).toEqual(expect.arrayContaining(Object.keys(SEARCH_ATTRIBUTES)));

    const again = await ensureTemporal(await options({ port: Number(temporal.address.split(':')[1]) }));
    expect(again.started).toBe(false);
  } finally {
    await temporal.stop();
  }
});

test('a port that something else holds is named, with how to choose another', async () => {
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
