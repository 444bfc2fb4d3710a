import {
  type Client,
  QueryNotRegisteredError,
  ServiceError,
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { z } from 'zod';
import { CommandError, EXIT, messageOf } from '../config/command-errors.ts';
import { connectionSettings } from '../config/connect.ts';
import { orreryCommand } from '../config/printed-commands.ts';
import { decoded, type RawDescription, rawDescription, statusName } from '../installation/index.ts';
import { CampaignStatus, Progress, type StageState, type StageStatus } from '../spec/index.ts';

/** A campaign as the CLI sees it. */
export interface CampaignView {
  readonly id: string;
  /** `RUNNING`, `COMPLETED`, `FAILED`, ...: the workflow's own state. */
  readonly workflow: string;
  /** null when the campaign ended before it could say: its spec was refused at the door. */
  readonly status: CampaignStatus | null;
  /** Why the workflow failed, in words. */
  readonly failure: string | null;
  /** What an activity of the campaign itself failed with, and is tried again; the stages say theirs in `why`. */
  readonly retrying: string | null;
}

const QUERY_TIMEOUT_MS = 10_000;
/** Stages get their grace to save and end: 2 minutes each, if the spec says nothing else, and all at the same time. */
const CANCEL_PATIENCE_MS = 10 * 60_000;
const CANCEL_LOOK_MS = 500;

export const isRunning = (view: CampaignView): boolean => view.workflow === 'RUNNING';

/** The campaign with the freshest progress there is.
 * @throws CommandError 66 when there is none of this id, 69 when no worker answers for it
 */
export async function viewCampaign(client: Client, id: string): Promise<CampaignView> {
  const handle = client.workflow.getHandle(id);
  const description = await describeCampaign(handle);
  const workflow = statusName(description);
  const view = {
    ...{ id, workflow, retrying: retriedFailure(description.pendingActivities) },
    failure: workflow === 'FAILED' ? await failureOf(handle) : null,
  };
  try {
    return { ...view, status: await freshened(client, await askStatus(client, handle)) };
  } catch (error) {
    if (workflow !== 'RUNNING' && isNoWorker(error)) return { ...view, status: null };
    throw error;
  }
}

/** @throws CommandError 69 when no worker answers within some seconds */
async function askStatus(client: Client, handle: WorkflowHandle): Promise<CampaignStatus> {
  try {
    const asked = await client.connection.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => handle.query('status'));
    return CampaignStatus.parse(asked);
  } catch (error) {
    if (error instanceof QueryNotRegisteredError || error instanceof ServiceError) throw noWorker(error);
    throw error;
  }
}

const isNoWorker = (error: unknown) => error instanceof CommandError && error.exitCode === EXIT.unavailable;

/**
 * Nothing of it is decoded by the SDK, which throws at one memo of an unknown encoding: anyone may have started the campaign.
 * @throws CommandError 66 when this installation has none of this id, though another that shares the namespace may have
 */
export async function describeCampaign({ client, workflowId }: WorkflowHandle): Promise<RawDescription> {
  const description = await rawDescription(client, workflowId);
  if (description === null) throw noCampaign(workflowId);
  const { taskQueue } = connectionSettings();
  const itsQueue = description.workflowExecutionInfo?.taskQueue ?? '';
  if (itsQueue === taskQueue) return description;
  throw new CommandError(
    EXIT.missing,
    `campaign ${workflowId} is on the task queue ${JSON.stringify(itsQueue.slice(0, 100))}, not on this installation's, ${taskQueue}`,
    'ORRERY_TASK_QUEUE names another queue; `orrery list` lists the campaigns of this one',
  );
}

/** @throws CommandError 66 when there is none of this id, 1 when it has ended, 69 when no worker would do what it is asked */
export async function reachCampaign(client: Client, id: string): Promise<WorkflowHandle> {
  const handle = client.workflow.getHandle(id);
  const status = statusName(await describeCampaign(handle));
  if (status !== 'RUNNING') {
    throw new CommandError(EXIT.failed, `campaign ${id} has ended (${status})`, 'submit it again to go on');
  }
  await askStatus(client, handle);
  return handle;
}

/**
 * Sends an update and waits until it is done. Where no worker answers it is left as a signal of the same name, which Temporal keeps.
 * @throws CommandError 1 when the campaign refuses it, saying why; 69 when no worker answers for it
 */
export async function updateCampaign(
  client: Client,
  id: string,
  name: string,
  args: unknown[] = [],
): Promise<CampaignStatus> {
  const handle = client.workflow.getHandle(id);
  await reachCampaign(client, id).catch((error: unknown) => {
    if (isNoWorker(error)) return leaveSignal(handle, name, args);
    throw error;
  });
  try {
    return CampaignStatus.parse(
      await handle.executeUpdate<CampaignStatus, [unknown]>(name, { args: args as [unknown] }),
    );
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) {
      throw new CommandError(EXIT.failed, `campaign ${id} refuses: ${messageOf(error.cause ?? error)}`, undefined, {
        cause: error,
      });
    }
    if (error instanceof ServiceError) throw noWorker(error);
    throw error;
  }
}

/** What was asked for is done as soon as a worker is there; until then what runs runs on. @throws CommandError 69, saying so */
async function leaveSignal(handle: WorkflowHandle, name: string, args: unknown[]): Promise<never> {
  await handle.signal<unknown[]>(name, ...args);
  throw new CommandError(
    EXIT.unavailable,
    `no worker answers for campaign ${handle.workflowId}: ${name} is recorded, and done as soon as one does; what runs runs on until then`,
    'start a worker with `npm run worker`',
  );
}

/**
 * Waits until a campaign that was cancelled has ended.
 * @throws CommandError 1 when it has not after {@link CANCEL_PATIENCE_MS}, naming the stages that it waits for
 */
export async function untilEnded(client: Client, handle: WorkflowHandle): Promise<void> {
  const deadline = Date.now() + CANCEL_PATIENCE_MS;
  while (statusName(await describeCampaign(handle)) === 'RUNNING') {
    if (Date.now() > deadline) {
      const { stages } = await askStatus(client, handle);
      const left = stages.filter(({ state }) => state !== 'pending' && !ENDED.has(state)).map(({ name }) => name);
      throw new CommandError(
        EXIT.failed,
        `campaign ${handle.workflowId} was cancelled ${CANCEL_PATIENCE_MS / 60_000} minutes ago and waits for ${left.join(', ') || 'its last step'}`,
        `it ends by itself once they have: see \`${orreryCommand(`status ${handle.workflowId}`)}\``,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, CANCEL_LOOK_MS));
  }
}

const noCampaign = (id: string) =>
  new CommandError(EXIT.missing, `there is no campaign ${id}`, `\`${orreryCommand('list')}\` lists those there are`);

const noWorker = (cause: unknown) =>
  new CommandError(
    EXIT.unavailable,
    `no worker answers for the campaign (${messageOf(cause)})`,
    `start one with \`npm run worker\`; \`${orreryCommand('doctor')}\` tells more`,
    { cause },
  );

async function failureOf(handle: WorkflowHandle): Promise<string> {
  try {
    await handle.result();
    return '';
  } catch (error) {
    return error instanceof WorkflowFailedError ? rootMessage(error.cause ?? error) : messageOf(error);
  }
}

/** A failure of a child workflow or an activity wraps what happened; the innermost message says it. */
function rootMessage(error: Error): string {
  return error.cause instanceof Error ? rootMessage(error.cause) : error.message;
}

/**
 * What runs tells its progress in the heartbeats of the activity that watches it; the workflow hears of it more rarely. Of an activity
 * that fails and is tried again (a full disk, say) it hears nothing at all: that stands beside the heartbeat.
 */
async function freshened(client: Client, status: CampaignStatus): Promise<CampaignStatus> {
  const stages = await Promise.all(
    status.stages.map(async (stage): Promise<StageStatus> => {
      if (ENDED.has(stage.state)) return stage;
      const activities = await pendingActivities(client, `${status.campaignId}/${stage.name}`);
      const beat = stage.state === 'running' ? heartbeatOf(activities) : null;
      const why = retriedFailure(activities) ?? beat?.message ?? stage.why;
      return { ...stage, progress: beat?.progress ?? stage.progress, why };
    }),
  );
  return { ...status, stages };
}

const ENDED: ReadonlySet<StageState> = new Set(['completed', 'reused', 'failed', 'cancelled']);

type PendingActivities = RawDescription['pendingActivities'];

async function pendingActivities(client: Client, workflowId: string): Promise<PendingActivities> {
  const description = await rawDescription(client, workflowId).catch(() => null); // then there is nothing fresher
  return description?.pendingActivities ?? [];
}

const WAITS = 1; // temporal.api.enums.v1.PendingActivityState.SCHEDULED

/**
 * What an activity failed with that waits for its next try; null when none does. One that runs again may be well: after the death of a
 * worker the failed attempt stays on record for as long as the next one runs. Pure.
 */
export function retriedFailure(activities: PendingActivities): string | null {
  for (const { activityType, state, attempt, lastFailure } of activities ?? []) {
    if (state === WAITS && (attempt ?? 1) > 1 && lastFailure?.message) {
      return `${activityType?.name ?? 'activity'} is tried again (attempt ${attempt}): ${lastFailure.message}`;
    }
  }
  return null;
}

function heartbeatOf(activities: PendingActivities): z.infer<typeof Heartbeat> | null {
  for (const activity of activities ?? []) {
    const [payload] = activity.heartbeatDetails?.payloads ?? [];
    const beat = Heartbeat.safeParse(payload && decoded(payload));
    if (beat.success) return beat.data;
  }
  return null;
}

/** What the watch of a job says with every heartbeat: its progress, and what stands in its way. */
const Heartbeat = z.object({ progress: Progress.nullable(), message: z.string().nullable().default(null) });
