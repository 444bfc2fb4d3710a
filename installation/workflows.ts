import { type Client, defaultPayloadConverter, isGrpcServiceError } from '@temporalio/client';

/**
 * Facts about workflows from Temporal. Memos are decoded one field at a time, because a single field with an unknown
 * encoding would otherwise make a whole listing fail.
 */
export interface WorkflowFacts {
  readonly workflowId: string;
  readonly runId: string;
  readonly type: string;
  readonly taskQueue: string;
  readonly isOpen: boolean;
  /** First run of a chain of continue-as-new runs; null if the server does not report it. */
  readonly firstRunId: string | null;
  readonly startedAt: Date | null;
  /** The fields of the memo, decoded if possible, but not parsed. */
  readonly memo: Readonly<Record<string, unknown>>;
}

/** The response of the service, without decoding. */
export type RawDescription = Awaited<ReturnType<Client['workflowService']['describeWorkflowExecution']>>;
/** The part of a client that these functions need. The client of a workflow handle has it too. */
type Service = Pick<Client, 'workflowService'> & { readonly options: { readonly namespace: string } };
type Info = NonNullable<RawDescription['workflowExecutionInfo']>;

const RUNNING = 1; // temporal.api.enums.v1.WorkflowExecutionStatus
const PAUSED = 8;
const NOT_FOUND = 5; // grpc.status
const PAGE = 100;

/** Names of temporal.api.enums.v1.WorkflowExecutionStatus in the order of the enum. */
const STATUS_NAMES = [
  'UNSPECIFIED',
  'RUNNING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'TERMINATED',
  'CONTINUED_AS_NEW',
  'TIMED_OUT',
  'PAUSED',
] as const;
export const statusName = ({ workflowExecutionInfo }: RawDescription): string =>
  STATUS_NAMES[workflowExecutionInfo?.status ?? 0] ?? 'UNSPECIFIED';

/** The latest run of a workflow id; null if there is none. @throws the gRPC error if Temporal does not answer */
export async function describeWorkflow(client: Service, workflowId: string): Promise<WorkflowFacts | null> {
  const info = (await rawDescription(client, workflowId))?.workflowExecutionInfo;
  return info ? factsOf(info) : null;
}

/**
 * The same as an undecoded response, which includes pending activities.
 * @throws the gRPC error if Temporal does not answer
 */
export async function rawDescription(client: Service, workflowId: string): Promise<RawDescription | null> {
  try {
    const execution = { workflowId };
    return await client.workflowService.describeWorkflowExecution({ namespace: client.options.namespace, execution });
  } catch (error) {
    if (isNotFound(error)) return null;
    throw error;
  }
}

/** Whether a gRPC error means that the workflow or the namespace does not exist. */
export const isNotFound = (error: unknown): boolean => isGrpcServiceError(error) && Number(error.code) === NOT_FOUND;

/**
 * Open campaigns and stages on a task queue, newest first. A workflow that has just started may be missing, because
 * visibility lags behind.
 */
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
        namespace: client.options.namespace,
        query,
        pageSize: PAGE,
        nextPageToken,
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

/** The value of a payload, not parsed; undefined if it cannot be decoded. */
export function decoded(payload: Parameters<typeof defaultPayloadConverter.fromPayload>[0]): unknown {
  try {
    return defaultPayloadConverter.fromPayload(payload);
  } catch {
    return undefined;
  }
}
