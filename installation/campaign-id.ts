import type { Client } from '@temporalio/client';
import { holderOf } from './holder.ts';
import { describeHolder } from './words.ts';
import { listWorkflows } from './workflows.ts';

/**
 * Whose stages stand in the way of a campaign: of an earlier one of its id that was terminated, on another queue. They end when that queue's
 * worker ends them, and nothing here can. A campaign that is closed with all its stages stands in nobody's way: stores share no files.
 * @param campaignId - parsed
 * @returns a line that names a stage and its installation; null where there is none
 */
export async function stagesElsewhere(client: Client, campaignId: string, queue: string): Promise<string | null> {
  const query = `WorkflowId STARTS_WITH '${campaignId}/' AND TaskQueue != '${queue}' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId, taskQueue } of listWorkflows(client, query)) {
    const holder = describeHolder(taskQueue, await holderOf(client, taskQueue));
    return `expected an id that no other installation uses, but got one whose stage ${workflowId} is still open: ${holder}`;
  }
  return null;
}
