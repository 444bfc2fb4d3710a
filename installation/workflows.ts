import { type Client, defaultPayloadConverter, isGrpcServiceError } from '@temporalio/client';

/**
 * What Temporal tells of workflows, without decoding what strangers wrote into them: one memo of an unknown encoding would else fail a whole
 * listing.
 */
export interface WorkflowFacts {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  readonly taskQueue: string;
  readonly isOpen: boolean;
  /** First run of the chain of runs that continued each other; null where the server does not say. */
  readonly firstRunId: string | null;
  readonly startedAt: Date | null;
  /** The fields of the memo, each decoded where it can be; not parsed. */
  readonly memo: Readonly<Record<string, unknown>>;
}

type Described = Awaited<ReturnType<Client['workflowService']['describeWorkflowExecution']>>;
type Info = NonNullable<Described['workflowExecutionInfo']>;

const RUNNING = 1; // temporal.api.enums.v1.WorkflowExecutionStatus
const PAUSED = 8;
const NOT_FOUND = 5; // grpc.status
const PAGE = 100;

/** The latest run of a workflow id; null where Temporal has none. @throws the gRPC error where it does not answer */
export async function describeWorkflow(client: Client, workflowId: string): Promise<WorkflowFacts | null> {
  try {
    const { workflowExecutionInfo } = await client.workflowService.describeWorkflowExecution({
      namespace: client.options.namespace,
      execution: { workflowId },
    });
    return workflowExecutionInfo ? factsOf(workflowExecutionInfo) : null;
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

/** Whether an error of a call says that there is no such workflow, or no such namespace. */
export const isNotFound = (error: unknown): boolean => isGrpcServiceError(error) && Number(error.code) === NOT_FOUND;

/** Open campaigns and stages on a task queue, the newest first. Visibility lags a moment behind what was started. */
export const openOnQueue = (client: Client, queue: string): AsyncGenerator<WorkflowFacts> =>
  listWorkflows(
    client,
    `TaskQueue = '${queue}' AND WorkflowType IN ('campaign', 'stage') AND ExecutionStatus = 'Running'`,
  );

export async function* listWorkflows(client: Client, query: string): AsyncGenerator<WorkflowFacts> {
  let nextPageToken: Uint8Array | null = null;
  do {
    const page: Awaited<ReturnType<Client['workflowService']['listWorkflowExecutions']>> =
      await client.workflowService.listWorkflowExecutions({
        ...{ namespace: client.options.namespace, query, pageSize: PAGE, nextPageToken },
      });
    yield* page.executions.map(factsOf);
    nextPageToken = page.nextPageToken;
  } while (nextPageToken !== null && nextPageToken.length > 0);
}

function factsOf(info: Info): WorkflowFacts {
  const fields = Object.entries(info.memo?.fields ?? {});
  return {
    workflowId: info.execution?.workflowId ?? '',
    runId: info.execution?.runId ?? '',
    type: info.type?.name ?? '',
    taskQueue: info.taskQueue ?? '',
    isOpen: info.status === RUNNING || info.status === PAUSED,
    firstRunId: info.firstRunId || null,
    startedAt: info.startTime?.seconds == null ? null : new Date(Number(info.startTime.seconds) * 1000),
    memo: Object.fromEntries(fields.map(([name, payload]) => [name, decoded(payload)])),
  };
}

function decoded(payload: Parameters<typeof defaultPayloadConverter.fromPayload>[0]): unknown {
  try {
    return defaultPayloadConverter.fromPayload(payload);
  } catch {
    return undefined;
  }
}
