import type { Client } from '@temporalio/client';
import { describeQueueOwner } from './describe.ts';
import { queueOwnerOf } from './queue-owner.ts';
import { listWorkflows } from './workflows.ts';

/**
 * Finds an open stage on another queue that belongs to an earlier, terminated campaign with the same id. Its workflow
 * id blocks the new campaign, and only the worker of the other queue can end it. A campaign whose stages are all closed
 * blocks nothing, because stores share no files.
 * @param campaignId - a parsed id
 * @returns a message that names the stage and its installation; null if there is none
 */
export async function openStageElsewhere(client: Client, campaignId: string, queue: string): Promise<string | null> {
  const query = `WorkflowId STARTS_WITH '${campaignId}/' AND TaskQueue != '${queue}' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId, taskQueue } of listWorkflows(client, query)) {
    const holder = describeQueueOwner(taskQueue, await queueOwnerOf(client, taskQueue));
    return `expected an id that no other installation uses, but got one whose stage ${workflowId} is still open: ${holder}`;
  }
  return null;
}
