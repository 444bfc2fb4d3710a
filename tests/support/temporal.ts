import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import { ensureTemporal } from '../../scripts/temporal-server.ts';

export interface TestTemporal {
  /** `host:port` of the service. */
  readonly address: string;
  readonly uiAddress: string;
  stop(): Promise<void>;
}

/** A real Temporal server for tests: free ports, nothing on disk that lasts, ended with the test run at the latest. */
export async function startTemporal(): Promise<TestTemporal> {
  const folder = mkdtempSync(join(tmpdir(), 'orrery-temporal-'));
  const { address, uiAddress, stop } = await ensureTemporal({
    port: await getPort(),
    uiPort: await getPort(),
    database: null,
    logFile: join(folder, 'temporal.log'),
    pidFile: join(folder, 'temporal.pid'),
    detached: false,
  });
  return {
    address,
    uiAddress,
    async stop() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
