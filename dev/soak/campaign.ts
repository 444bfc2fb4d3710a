import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Client,
  isGrpcServiceError,
  ServiceError,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/client';
import type { RawPayload } from './hostile-messages.ts';

/** A campaign under test. It uses only what any client of Temporal can do, without the executor and our CLI. */
export interface Campaign {
  readonly id: string;
  /** Retries while Temporal does not answer. */
  submit(): Promise<'started' | 'refused'>;
  /**
   * Sends a signal, which Temporal keeps while there is no worker, or an update, which waits until the campaign is
   * paused.
   */
  pause(by: 'signal' | 'update'): Promise<void>;
  resume(): Promise<void>;
  /** Phase of the campaign; null without an answer within some seconds. */
  phase(): Promise<string | null>;
  /** State of the workflow, for example `RUNNING`; null when Temporal does not answer. */
  workflow(): Promise<string | null>;
  /** Ids of the open workflows of its stages; empty when Temporal does not answer. */
  openStages(): Promise<readonly string[]>;
  /** Sends a raw signal, without the checks of a client. @returns whether the workflow existed */
  signal(workflowId: string, name: string, payloads: readonly RawPayload[]): Promise<boolean>;
  /** Starts a workflow on the queue of the campaign, without the checks of a client. */
  start(workflowId: string, type: string, payloads: readonly RawPayload[]): Promise<void>;
  /** State of any workflow; null when Temporal does not answer. */
  stateOf(workflowId: string): Promise<string | null>;
}

/** gRPC status code NOT_FOUND. */
const GRPC_NOT_FOUND = 5;
const SUBMIT_PATIENCE_MS = 60_000;
const QUERY_TIMEOUT_MS = 5_000;
const UPDATE_TIMEOUT_MS = 90_000;

export function campaignOf(client: Client, id: string, spec: unknown, taskQueue: string): Campaign {
  const handle = client.workflow.getHandle(id);
  const within = <T>(ms: number, call: () => Promise<T>): Promise<T> =>
    client.connection.withDeadline(Date.now() + ms, call);
  const stateOf = async (workflowId: string): Promise<string | null> => {
    const description = within(QUERY_TIMEOUT_MS, () => client.workflow.getHandle(workflowId).describe());
    return await description.then(
      ({ status }) => status.name,
      () => null,
    );
  };
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
          await sleep(500); // Temporal is down or has just restarted.
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
    workflow: () => stateOf(id),
    stateOf,
    async openStages() {
      const query = `WorkflowType = 'stage' AND ExecutionStatus = 'Running' AND WorkflowId STARTS_WITH '${id}/'`;
      const ids: string[] = [];
      try {
        for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
      } catch {
        return [];
      }
      return ids;
    },
    async signal(workflowId, signalName, payloads) {
      try {
        await client.workflowService.signalWorkflowExecution({
          namespace: client.options.namespace,
          workflowExecution: { workflowId },
          signalName,
          input: { payloads: [...payloads] },
        });
        return true;
      } catch (error) {
        if (isGrpcServiceError(error) && error.code === GRPC_NOT_FOUND) return false;
        throw error;
      }
    },
    async start(workflowId, type, payloads) {
      await client.workflowService.startWorkflowExecution({
        namespace: client.options.namespace,
        workflowId,
        requestId: workflowId,
        workflowType: { name: type },
        taskQueue: { name: taskQueue },
        input: { payloads: [...payloads] },
      });
    },
  };
}
