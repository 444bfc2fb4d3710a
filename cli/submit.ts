import { type Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { CampaignId, parseOrRefuse } from '../spec/index.ts';
import type { CampaignFile } from './campaign-file.ts';
import { TASK_QUEUE } from './connect.ts';
import { CommandError, EXIT } from './errors.ts';

/** Workflow type of a campaign. */
export const CAMPAIGN = 'campaign';

/**
 * The campaign's id: the wished one, else the name in its file.
 * @throws InvalidInputError when the wish cannot be the name of a folder
 */
export const idOf = ({ spec }: CampaignFile, wish?: string): string =>
  wish === undefined ? spec.name : parseOrRefuse(CampaignId, wish, '--id');

/**
 * Starts a campaign. One of the same id that has ended may be started again: its finished stages are reused.
 * @throws CommandError 73 when one of this id is running
 */
export async function submitCampaign(client: Client, id: string, { input, spec }: CampaignFile): Promise<void> {
  try {
    await client.workflow.start(CAMPAIGN, {
      taskQueue: TASK_QUEUE,
      workflowId: id,
      args: [input],
      staticSummary: spec.description ?? `Campaign ${spec.name}`,
    });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    throw new CommandError(
      EXIT.running,
      `campaign ${id} is running already`,
      `see it with \`orrery status ${id}\`, or choose another id: --id`,
      { cause: error },
    );
  }
}

/** The commands that start the same campaign without this CLI. `file` holds the spec as JSON. */
export function startCommands(id: string, file: string): string[] {
  return [
    `temporal workflow start --task-queue ${TASK_QUEUE} --type ${CAMPAIGN} --workflow-id ${id} --input-file ${file}`,
    `tctl workflow start --taskqueue ${TASK_QUEUE} --workflow_type ${CAMPAIGN} --workflow_id ${id} --input_file ${file}`,
  ];
}
