import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, ServiceError, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';

/** A campaign under test, by what any client of Temporal can do: nothing of the executor, nothing of our CLI. */
export interface Campaign {
  readonly id: string;
  /** Asks again while Temporal is away. */
  submit(): Promise<'started' | 'refused'>;
  /** As a signal, which is kept while no worker is there, or as an update, which waits until it is so. */
  pause(by: 'signal' | 'update'): Promise<void>;
  resume(): Promise<void>;
  /** Phase of the campaign; null when nobody answers within some seconds. */
  phase(): Promise<string | null>;
  /** State of the workflow, for example `RUNNING`; null when Temporal does not answer. */
  workflow(): Promise<string | null>;
}

const SUBMIT_PATIENCE_MS = 60_000;
const QUERY_TIMEOUT_MS = 5_000;
const UPDATE_TIMEOUT_MS = 90_000;

export function campaignOf(client: Client, id: string, spec: unknown, taskQueue: string): Campaign {
  const handle = client.workflow.getHandle(id);
  const within = <T>(ms: number, call: () => Promise<T>): Promise<T> =>
    client.connection.withDeadline(Date.now() + ms, call);
  return {
    id,
    async submit() {
      for (const deadline = performance.now() + SUBMIT_PATIENCE_MS; ; ) {
        try {
          await client.workflow.start('campaign', { taskQueue, workflowId: id, args: [spec] });
          return 'started';
        } catch (error) {
          if (error instanceof WorkflowExecutionAlreadyStartedError) return 'refused';
          if (!(error instanceof ServiceError) || performance.now() > deadline) throw error;
          await sleep(500); // Temporal is away, or has just come back
        }
      }
    },
    async pause(by) {
      if (by === 'signal') await handle.signal('pause');
      else await within(UPDATE_TIMEOUT_MS, () => handle.executeUpdate('pause'));
    },
    resume: () => handle.signal('resume'),
    async phase() {
      const status = within(QUERY_TIMEOUT_MS, () => handle.query<{ phase: string }>('status'));
      return await status.then(
        ({ phase }) => phase,
        () => null,
      );
    },
    async workflow() {
      const description = within(QUERY_TIMEOUT_MS, () => handle.describe());
      return await description.then(
        ({ status }) => status.name,
        () => null,
      );
    },
  };
}
