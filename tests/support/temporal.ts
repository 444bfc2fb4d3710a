import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import { ensureTemporal } from '../../dev/temporal-server.ts';

export interface TestTemporal {
  /** `host:port` of the service. */
  readonly address: string;
  readonly uiAddress: string;
  stop(): Promise<void>;
}

/**
 * A real Temporal server for tests, on free ports and without a database file. It ends at the latest with the test run.
 */
export async function startTemporal(): Promise<TestTemporal> {
  const folder = mkdtempSync(join(tmpdir(), 'orrery-temporal-'));
  const start = async () =>
    await ensureTemporal({
      port: await getPort(),
      uiPort: await getPort(),
      database: null,
      logFile: join(folder, 'temporal.log'),
      pidFile: join(folder, 'temporal.pid'),
      detached: false,
    });
  // Another test may take a free port first. Then the server starts on other ports.
  const { address, uiAddress, stop } = await retryOnTakenPort(start);
  return {
    address,
    uiAddress,
    async stop() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const TRIES = 5;

async function retryOnTakenPort<T>(start: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start();
    } catch (error) {
      if (tries === TRIES || !/already in use|has taken|is taken/.test(String(error))) throw error;
    }
  }
}
