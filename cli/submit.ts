import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { CommandError, EXIT, parseOption } from '../config/command-errors.ts';
import { connectionSettings } from '../config/connect.ts';
import { orreryCommand, placeFlags, quoted } from '../config/printed-commands.ts';
import { describeQueueOwner, describeWorkflow, queueOwnerOf } from '../installation/index.ts';
import { CampaignId, summaryText } from '../spec/index.ts';
import type { CampaignFile } from './campaign-file.ts';

/** Workflow type of a campaign. */
export const CAMPAIGN = 'campaign';

/**
 * The campaign's id: the wished one, else the name in its file.
 * @throws CommandError 2 when the wish cannot be the name of a folder
 */
export const idOf = ({ spec }: CampaignFile, wish?: string): string =>
  wish === undefined ? spec.name : parseOption(CampaignId, wish, '--id');

/**
 * Starts a campaign. One of the same id that has ended may be started again: its finished stages are reused.
 * @throws CommandError 73 when one of this id is running
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
      staticSummary: summaryText(spec.description ?? `Campaign ${spec.name}`),
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const elsewhere = await runsElsewhere(client, id, taskQueue);
    const [problem, remedy] =
      elsewhere === null
        ? [`campaign ${id} is running already`, `see it with \`${orreryCommand(`status ${id}`)}\`, or choose`]
        : [`campaign ${id} is running already, for another installation: ${elsewhere}`, 'choose'];
    throw new CommandError(EXIT.running, problem, `${remedy} another id: --id`, { cause: error });
  }
}

/** Ids are shared by all installations of a namespace. @returns whose campaign it is, in words; null where it is on our own queue */
async function runsElsewhere(client: Client, id: string, ours: string): Promise<string | null> {
  const queue = (await describeWorkflow(client, id))?.taskQueue ?? ours;
  return queue === ours ? null : describeQueueOwner(queue, await queueOwnerOf(client, queue));
}

/** The commands that start the same campaign without this CLI. `file` holds the spec as JSON. */
export function startCommands(id: string, file: string, settings = connectionSettings()): string[] {
  const [place, queue, input] = [placeFlags(settings), settings.taskQueue, quoted(file)];
  return [
    `temporal workflow start ${place} --task-queue ${queue} --type ${CAMPAIGN} --workflow-id ${id} --input-file ${input}`,
    `tctl ${place} workflow start --taskqueue ${queue} --workflow_type ${CAMPAIGN} --workflow_id ${id} --input_file ${input}`,
  ];
}
