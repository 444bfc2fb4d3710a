import {
  type Client,
  QueryNotRegisteredError,
  ServiceError,
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { z } from 'zod';
import { CommandError, EXIT, errorMessage } from '../config/command-errors.ts';
import { connectionSettings } from '../config/connect.ts';
import { orreryCommand } from '../config/printed-commands.ts';
import { decoded, type RawDescription, rawDescription, statusName } from '../installation/workflows.ts';
import { Progress } from '../spec/progress.ts';
import { CampaignStatus, type StageState, type StageStatus } from '../spec/status.ts';

/** What the CLI knows of a campaign. */
export interface CampaignView {
  readonly id: string;
  /** `RUNNING`, `COMPLETED`, `FAILED`, ...: the workflow's own state. */
  readonly workflow: string;
  /** null when the campaign ended before it could answer a query, for example because its spec was not valid. */
  readonly status: CampaignStatus | null;
  /** The message of the workflow's failure. */
  readonly failure: string | null;
  /**
   * The last failure of an activity of the campaign workflow that Temporal retries. Failures of stages are in their
   * `why`.
   */
  readonly retrying: string | null;
}

const QUERY_TIMEOUT_MS = 10_000;
/** All stages save and end in parallel. The default grace period of a stage is 2 minutes. */
const CANCEL_TIMEOUT_MS = 10 * 60_000;
const CANCEL_POLL_MS = 500;

export const isRunning = (view: CampaignView): boolean => view.workflow === 'RUNNING';

/**
 * The campaign with the latest progress.
 * @throws CommandError 66 when no campaign has this id, 69 when no worker answers the query
 */
export async function viewCampaign(client: Client, id: string): Promise<CampaignView> {
  const handle = client.workflow.getHandle(id);
  const description = await describeCampaign(handle);
  const workflow = statusName(description);
  const view = {
    id,
    workflow,
    retrying: retriedFailure(description.pendingActivities),
    failure: workflow === 'FAILED' ? await failureOf(handle) : null,
  };
  try {
    return { ...view, status: await withHeartbeats(client, await queryStatus(client, handle)) };
  } catch (error) {
    if (workflow !== 'RUNNING' && isNoWorker(error)) return { ...view, status: null };
    throw error;
  }
}

/** @throws CommandError 69 when no worker answers within {@link QUERY_TIMEOUT_MS} */
async function queryStatus(client: Client, handle: WorkflowHandle): Promise<CampaignStatus> {
  try {
    const answer = await client.connection.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => handle.query('status'));
    return CampaignStatus.parse(answer);
  } catch (error) {
    if (error instanceof QueryNotRegisteredError || error instanceof ServiceError) throw noWorker(error);
    throw error;
  }
}

const isNoWorker = (error: unknown) => error instanceof CommandError && error.exitCode === EXIT.unavailable;

/**
 * Reads the raw description. The SDK's decoder throws on a memo of an unknown encoding, and any client may have started
 * the campaign.
 * @throws CommandError 66 when no campaign of this installation has this id. Other installations may share the
 *   namespace.
 */
export async function describeCampaign({ client, workflowId }: WorkflowHandle): Promise<RawDescription> {
  const description = await rawDescription(client, workflowId);
  if (description === null) throw noCampaign(workflowId);
  const { taskQueue } = connectionSettings();
  const campaignQueue = description.workflowExecutionInfo?.taskQueue ?? '';
  if (campaignQueue === taskQueue) return description;
  throw new CommandError(
    EXIT.missing,
    `campaign ${workflowId} is on task queue ${JSON.stringify(campaignQueue.slice(0, 100))}, not on this installation's task queue, ${taskQueue}`,
    'set ORRERY_TASK_QUEUE to use another queue; `orrery list` lists the campaigns of this one',
  );
}

/** @throws CommandError 66 when no campaign has this id, 1 when it has ended, 69 when no worker answers */
export async function runningCampaign(client: Client, id: string): Promise<WorkflowHandle> {
  const handle = client.workflow.getHandle(id);
  const status = statusName(await describeCampaign(handle));
  if (status !== 'RUNNING') {
    throw new CommandError(EXIT.failed, `campaign ${id} has ended (${status})`, 'submit it again to continue it');
  }
  await queryStatus(client, handle);
  return handle;
}

/**
 * Sends an update and waits until it is done. When no worker answers, sends a signal of the same name: Temporal keeps
 * signals.
 * @throws CommandError 1 with the reason when the campaign rejects the update, 69 when no worker answers
 */
export async function updateCampaign(
  client: Client,
  id: string,
  name: string,
  args: unknown[] = [],
): Promise<CampaignStatus> {
  const handle = client.workflow.getHandle(id);
  await runningCampaign(client, id).catch((error: unknown) => {
    if (isNoWorker(error)) return sendSignalInstead(handle, name, args);
    throw error;
  });
  try {
    return CampaignStatus.parse(
      await handle.executeUpdate<CampaignStatus, [unknown]>(name, { args: args as [unknown] }),
    );
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) {
      throw new CommandError(EXIT.failed, `campaign ${id} refuses: ${errorMessage(error.cause ?? error)}`, undefined, {
        cause: error,
      });
    }
    if (error instanceof ServiceError) throw noWorker(error);
    throw error;
  }
}

/** A worker handles the signal when it starts; jobs keep running until then. @throws CommandError 69, which says so */
async function sendSignalInstead(handle: WorkflowHandle, name: string, args: unknown[]): Promise<never> {
  await handle.signal<unknown[]>(name, ...args);
  throw new CommandError(
    EXIT.unavailable,
    `no worker answers for campaign ${handle.workflowId}: ${name} is recorded and takes effect when a worker starts; jobs keep running until then`,
    'start a worker with `npm run worker`',
  );
}

/**
 * Waits until a cancelled campaign has ended.
 * @throws CommandError 1 when it still runs after {@link CANCEL_TIMEOUT_MS}. The message names the stages that have not
 *   ended.
 */
export async function waitUntilEnded(client: Client, handle: WorkflowHandle): Promise<void> {
  const deadline = Date.now() + CANCEL_TIMEOUT_MS;
  while (statusName(await describeCampaign(handle)) === 'RUNNING') {
    if (Date.now() > deadline) {
      const { stages } = await queryStatus(client, handle);
      const left = stages.filter(({ state }) => state !== 'pending' && !ENDED.has(state)).map(({ name }) => name);
      throw new CommandError(
        EXIT.failed,
        `campaign ${handle.workflowId} was cancelled ${CANCEL_TIMEOUT_MS / 60_000} minutes ago and waits for ${left.join(', ') || 'its last step'}`,
        `it ends when these stages have ended: see \`${orreryCommand(`status ${handle.workflowId}`)}\``,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, CANCEL_POLL_MS));
  }
}

const noCampaign = (id: string) =>
  new CommandError(EXIT.missing, `there is no campaign ${id}`, `\`${orreryCommand('list')}\` lists the open campaigns`);

const noWorker = (cause: unknown) =>
  new CommandError(
    EXIT.unavailable,
    `no worker answers for the campaign (${errorMessage(cause)})`,
    `start one with \`npm run worker\`; \`${orreryCommand('doctor')}\` shows more`,
    { cause },
  );

async function failureOf(handle: WorkflowHandle): Promise<string> {
  try {
    await handle.result();
    return '';
  } catch (error) {
    return error instanceof WorkflowFailedError ? rootMessage(error.cause ?? error) : errorMessage(error);
  }
}

/** Failures of child workflows and activities wrap the original error. The innermost message names the cause. */
function rootMessage(error: Error): string {
  return error.cause instanceof Error ? rootMessage(error.cause) : error.message;
}

/**
 * Adds what the workflow does not know yet. Jobs report progress in the heartbeats of the activity that watches them,
 * and the workflow receives it less often. The workflow never sees an activity that Temporal retries (a full disk, for
 * example).
 */
async function withHeartbeats(client: Client, status: CampaignStatus): Promise<CampaignStatus> {
  const stages = await Promise.all(
    status.stages.map(async (stage): Promise<StageStatus> => {
      // A stage that waits for its inputs has no workflow yet.
      if (ENDED.has(stage.state) || stage.state === 'pending') return stage;
      const activities = await pendingActivities(client, `${status.campaignId}/${stage.name}`);
      const heartbeat = stage.state === 'running' ? heartbeatOf(activities) : null;
      const why = retriedFailure(activities) ?? heartbeat?.message ?? stage.why;
      return { ...stage, progress: heartbeat?.progress ?? stage.progress, why };
    }),
  );
  return { ...status, stages };
}

const ENDED: ReadonlySet<StageState> = new Set(['completed', 'reused', 'failed', 'cancelled']);

type PendingActivities = RawDescription['pendingActivities'];

async function pendingActivities(client: Client, workflowId: string): Promise<PendingActivities> {
  // Heartbeats are optional: without them the status of the workflow is shown.
  const description = await rawDescription(client, workflowId).catch(() => null);
  return description?.pendingActivities ?? [];
}

const SCHEDULED = 1; // temporal.api.enums.v1.PendingActivityState.SCHEDULED

/**
 * The failure of an activity that waits for its next attempt; null when no activity waits. A running attempt does not
 * count: after a worker dies, Temporal keeps the failure of the last attempt while the next one runs well. Pure.
 */
export function retriedFailure(activities: PendingActivities): string | null {
  for (const { activityType, state, attempt, lastFailure } of activities ?? []) {
    if (state === SCHEDULED && (attempt ?? 1) > 1 && lastFailure?.message) {
      return `${activityType?.name ?? 'activity'} is retried (attempt ${attempt}): ${lastFailure.message}`;
    }
  }
  return null;
}

function heartbeatOf(activities: PendingActivities): z.infer<typeof Heartbeat> | null {
  for (const activity of activities ?? []) {
    const [payload] = activity.heartbeatDetails?.payloads ?? [];
    const parsed = Heartbeat.safeParse(payload && decoded(payload));
    if (parsed.success) return parsed.data;
  }
  return null;
}

/** Details of a heartbeat of the activity that watches a job: its progress, and what it waits for. */
const Heartbeat = z.object({ progress: Progress.nullable(), message: z.string().nullable().default(null) });
