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

/** A real Temporal server for tests: free ports, nothing on disk that lasts, ended with the test run at the latest. */
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
  // A port that is free now may be another test's a moment later: then it is started on others.
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
