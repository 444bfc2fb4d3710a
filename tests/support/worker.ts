import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundle,
} from '@temporalio/worker';
import { pino } from 'pino';
import { createActivities } from '../../activities/index.ts';
import { ensureSearchAttributes } from '../../activities/search-attributes.ts';
import { createLocalExecutor, localOutcome, localRefusal } from '../../local/index.ts';
import type { CampaignSpecInput, Executor } from '../../spec/index.ts';
import { startTemporal } from './temporal.ts';

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
const TOY = fileURLToPath(new URL('./toy/', import.meta.url));
const silent = new DefaultLogger('ERROR');
const log = pino({ level: process.env.ORRERY_LOG_LEVEL ?? 'silent' });

/** A real Temporal server, a real store, the real local executor, and toy stage programs (see tests/support/toy). */
export interface Workbench {
  readonly client: Client;
  readonly address: string;
  readonly store: string;
  readonly executor: Executor;
  /** A worker in this process; several may run. */
  startWorker(): Promise<{ stop(): Promise<void> }>;
  close(): Promise<void>;
}

export async function openWorkbench(): Promise<Workbench> {
  try {
    Runtime.install({ logger: silent });
  } catch {
    // Once a process; a second test file in it keeps the first.
  }
  process.env.ORRERY_DOMAINS = join(TOY, 'domains');
  process.env.ORRERY_TEST_NODE = process.execPath;
  const folder = mkdtempSync(join(tmpdir(), 'orrery-bench-'));
  const store = join(folder, 'store');
  const python = join(PROJECT, '.venv/bin/python');
  const temporal = await startTemporal();
  const connection = await Connection.connect({ address: temporal.address });
  const native = await NativeConnection.connect({ address: temporal.address });
  const client = new Client({ connection });
  const executor = createLocalExecutor({ home: join(folder, 'local'), projectRoot: TOY, store, python, log });
  const searchAttributes = await ensureSearchAttributes(connection, 'default', log);
  let bundle: WorkflowBundle | undefined;

  return {
    client,
    address: temporal.address,
    store,
    executor,
    async startWorker() {
      bundle ??= await bundleWorkflowCode({ workflowsPath: join(PROJECT, 'workflows/index.ts'), logger: silent });
      const worker = await Worker.create({
        connection: native,
        taskQueue: 'orrery',
        workflowBundle: bundle,
        activities: createActivities({
          ...{
            store,
            projectRoot: TOY,
            executor,
            outcomeOf: localOutcome,
            refusalOf: localRefusal,
            client,
            searchAttributes,
            log,
          },
        }),
        maxHeartbeatThrottleInterval: '500 milliseconds',
        shutdownGraceTime: '500 milliseconds',
      });
      const ended = worker.run();
      return {
        async stop() {
          if (worker.getState() === 'RUNNING') worker.shutdown();
          await ended;
        },
      };
    },
    async close() {
      await connection.close();
      await native.close();
      await temporal.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A toy campaign; tests say what matters to them. */
export function aCampaign(
  change: Partial<CampaignSpecInput> & { settings?: Record<string, unknown> } = {},
): CampaignSpecInput {
  const { settings = {}, ...rest } = change;
  return {
    name: 'toy',
    domain: { name: 'toy', settings: settings as never },
    policy: { type: 'pretrain' },
    data: { type: 'generated', searchProblems: 1, curriculumPrompts: 1, benchmarkProblems: 1 },
    onFailure: 'fail',
    ...rest,
  };
}
