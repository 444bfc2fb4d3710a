import {
  type Client,
  defaultPayloadConverter,
  QueryNotRegisteredError,
  ServiceError,
  type WorkflowExecutionDescription,
  WorkflowFailedError,
  type WorkflowHandle,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import { CampaignStatus, Progress, type StageStatus } from '../spec/index.ts';
import { CommandError, EXIT, messageOf } from './errors.ts';

/** A campaign as the CLI sees it. */
export interface CampaignView {
  readonly id: string;
  /** `RUNNING`, `COMPLETED`, `FAILED`, ...: the workflow's own state. */
  readonly workflow: string;
  /** null when the campaign ended before it could say: its spec was refused at the door. */
  readonly status: CampaignStatus | null;
  /** Why the workflow failed, in words. */
  readonly failure: string | null;
}

const QUERY_TIMEOUT_MS = 10_000;

export const isRunning = (view: CampaignView): boolean => view.workflow === 'RUNNING';

/** The campaign with the freshest progress there is.
 * @throws CommandError 66 when there is none of this id, 69 when no worker answers for it
 */
export async function viewCampaign(client: Client, id: string): Promise<CampaignView> {
  const handle = client.workflow.getHandle(id);
  const { status } = await describeCampaign(handle);
  const view = { id, workflow: status.name, failure: status.name === 'FAILED' ? await failureOf(handle) : null };
  try {
    const asked = await client.connection.withDeadline(Date.now() + QUERY_TIMEOUT_MS, () => handle.query('status'));
    return { ...view, status: await freshened(client, CampaignStatus.parse(asked)) };
  } catch (error) {
    if (status.name !== 'RUNNING' && (error instanceof QueryNotRegisteredError || error instanceof ServiceError)) {
      return { ...view, status: null };
    }
    if (error instanceof QueryNotRegisteredError || error instanceof ServiceError) throw noWorker(error);
    throw error;
  }
}

export async function describeCampaign(handle: WorkflowHandle): Promise<WorkflowExecutionDescription> {
  try {
    return await handle.describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) throw noCampaign(handle.workflowId, error);
    throw error;
  }
}

/**
 * Sends an update and waits until it is done.
 * @throws CommandError 1 when the campaign refuses it, saying why
 */
export async function updateCampaign(
  client: Client,
  id: string,
  name: string,
  args: unknown[] = [],
): Promise<CampaignStatus> {
  const handle = client.workflow.getHandle(id);
  const { status } = await describeCampaign(handle);
  if (status.name !== 'RUNNING') {
    throw new CommandError(EXIT.failed, `campaign ${id} has ended (${status.name})`, 'submit it again to go on');
  }
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

const noCampaign = (id: string, cause: unknown) =>
  new CommandError(EXIT.missing, `there is no campaign ${id}`, 'the Temporal UI lists those there are', { cause });

const noWorker = (cause: unknown) =>
  new CommandError(
    EXIT.unavailable,
    `no worker answers for the campaign (${messageOf(cause)})`,
    'start one with `npm run worker`; `orrery doctor` tells more',
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

/** What runs tells its progress in the heartbeats of the activity that watches it; the workflow hears of it more rarely. */
async function freshened(client: Client, status: CampaignStatus): Promise<CampaignStatus> {
  const stages = await Promise.all(
    status.stages.map(async (stage): Promise<StageStatus> => {
      if (stage.state !== 'running') return stage;
      return {
        ...stage,
        progress: (await heartbeatProgress(client, `${status.campaignId}/${stage.name}`)) ?? stage.progress,
      };
    }),
  );
  return { ...status, stages };
}

async function heartbeatProgress(client: Client, workflowId: string): Promise<Progress | null> {
  const description = await client.workflow
    .getHandle(workflowId)
    .describe()
    .catch(() => null); // ended, or not there yet: then there is nothing fresher
  for (const activity of description?.raw.pendingActivities ?? []) {
    const [payload] = activity.heartbeatDetails?.payloads ?? [];
    const details = payload && defaultPayloadConverter.fromPayload<{ progress?: unknown }>(payload);
    const progress = Progress.safeParse(details?.progress);
    if (progress.success) return progress.data;
  }
  return null;
}
