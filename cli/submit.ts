import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { CommandError, EXIT, parseOption } from '../config/command-errors.ts';
import { connectionSettings } from '../config/connect.ts';
import { connectionFlags, orreryCommand, quoted } from '../config/printed-commands.ts';
import { describeQueueOwner, describeWorkflow, queueOwnerOf } from '../installation/index.ts';
import { CampaignId, summaryText, WORKFLOW_TASK_SECONDS } from '../spec/index.ts';
import type { CampaignFile } from './campaign-file.ts';

/** Workflow type of a campaign. */
export const CAMPAIGN = 'campaign';

/**
 * The campaign's id: `--id`, else the name in its file.
 * @throws CommandError 2 when the id cannot be the name of a folder
 */
export const campaignIdFor = ({ spec }: CampaignFile, id?: string): string =>
  id === undefined ? spec.name : parseOption(CampaignId, id, '--id');

/**
 * Starts a campaign. An ended campaign can be started again under the same id; its finished stages are reused.
 * @throws CommandError 73 when a campaign with this id is running
 */
export async function submitCampaign(
  client: Client,
  id: string,
  { input, spec }: CampaignFile,
  { taskQueue } = connectionSettings(),
): Promise<void> {
  try {
    await client.workflow.start(CAMPAIGN, {
      taskQueue,
      workflowId: id,
      args: [input],
      workflowTaskTimeout: WORKFLOW_TASK_SECONDS * 1000,
      staticSummary: summaryText(spec.description ?? `Campaign ${spec.name}`),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const other = await otherInstallation(client, id, taskQueue);
    const [problem, remedy] =
      other === null
        ? [`campaign ${id} is running already`, `see it with \`${orreryCommand(`status ${id}`)}\`, or choose`]
        : [`campaign ${id} is running already, in another installation: ${other}`, 'choose'];
    throw new CommandError(EXIT.running, problem, `${remedy} another id: --id`, { cause: error });
  }
}

/**
 * All installations of a namespace share one set of ids.
 * @returns the owner of the campaign's queue; null when the queue is our own
 */
async function otherInstallation(client: Client, id: string, ownQueue: string): Promise<string | null> {
  const queue = (await describeWorkflow(client, id))?.taskQueue ?? ownQueue;
  return queue === ownQueue ? null : describeQueueOwner(queue, await queueOwnerOf(client, queue));
}

/** The commands that start the same campaign without this CLI. @param file - path of the spec as JSON */
export function startCommands(id: string, file: string, settings = connectionSettings()): string[] {
  const [flags, queue, input] = [connectionFlags(settings), settings.taskQueue, quoted(file)];
  const seconds = WORKFLOW_TASK_SECONDS;
  return [
    `temporal workflow start ${flags} --task-queue ${queue} --type ${CAMPAIGN} --workflow-id ${id} --task-timeout ${seconds}s --input-file ${input}`,
    `tctl ${flags} workflow start --taskqueue ${queue} --workflow_type ${CAMPAIGN} --workflow_id ${id} --workflow_task_timeout ${seconds} --input_file ${input}`,
  ];
}
