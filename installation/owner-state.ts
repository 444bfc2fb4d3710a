import type { Client } from '@temporalio/client';
import { queueOwnerOf } from './queue-owner.ts';
import { describeWorkflow } from './workflows.ts';

/**
 * Whether a workflow of this store is open. All installations of a namespace share workflow ids, and only one workflow
 * of an id can be open. If the open one runs on the queue of another store, the workflow of this store is closed. A
 * queue without owner may be a queue of this store.
 * @param store - the id of this store
 * @param firstRun - first run of the workflow; null for any workflow of the id
 * @throws the gRPC error if Temporal does not answer
 */
export async function isOpenInStore(
  client: Client,
  store: string,
  { workflowId, firstRun = null }: { readonly workflowId: string; readonly firstRun?: string | null },
): Promise<boolean> {
  const facts = await describeWorkflow(client, workflowId);
  if (facts === null || !facts.isOpen) return false;
  if (firstRun !== null && facts.firstRunId !== null && facts.firstRunId !== firstRun) return false;
  const holder = await queueOwnerOf(client, facts.taskQueue);
  return holder.kind !== 'store' || holder.store === store;
}
