import type { Client } from '@temporalio/client';
import { holderOf } from './holder.ts';
import { describeWorkflow } from './workflows.ts';

/**
 * Whether a workflow of this store is open. Ids are shared by all installations of a namespace, and only one workflow of an id is open at a
 * time: where the open one runs on a queue of another store, ours is closed. A queue that belongs to nobody may be ours.
 * @param store - the name of this store
 * @param firstRun - of the workflow that is meant; null for any
 * @throws the gRPC error where Temporal does not answer
 */
export async function isOpenHere(
  client: Client,
  store: string,
  { workflowId, firstRun = null }: { readonly workflowId: string; readonly firstRun?: string | null },
): Promise<boolean> {
  const facts = await describeWorkflow(client, workflowId);
  if (facts === null || !facts.isOpen) return false;
  if (firstRun !== null && facts.firstRunId !== null && facts.firstRunId !== firstRun) return false;
  const holder = await holderOf(client, facts.taskQueue);
  return holder.kind !== 'store' || holder.store === store;
}
