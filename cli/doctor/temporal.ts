import type { Client, Connection } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../../spec/index.ts';
import { connect, connectionSettings, TASK_QUEUE } from '../connect.ts';
import { messageOf } from '../errors.ts';
import { type Check, missing, ok, optional } from './check.ts';

/** Temporal keeps a poller in its list for some minutes after it is gone; a living one polls again within one. */
const POLLED_WITHIN_MS = 70_000;
const WORKFLOW_QUEUE = 1; // temporal.api.enums.v1.TaskQueueType.WORKFLOW

/** What the Temporal server says. */
export async function examineTemporal(): Promise<Check[]> {
  const { connectionOptions, namespace } = connectionSettings();
  let client: Client;
  try {
    client = await connect();
  } catch {
    return [
      missing(
        'Temporal',
        `nothing answers at ${connectionOptions.address}`,
        'npm run temporal, or name another with TEMPORAL_ADDRESS',
      ),
    ];
  }
  try {
    return [
      ok('Temporal', `${connectionOptions.address}, namespace ${namespace}`),
      await searchAttributes(client, namespace),
      await worker(client, namespace),
    ];
  } catch (error) {
    return [
      missing('Temporal', `${connectionOptions.address}: ${messageOf(error)}`, `is there a namespace ${namespace}?`),
    ];
  } finally {
    await client.connection.close();
  }
}

async function searchAttributes(client: Client, namespace: string): Promise<Check> {
  const { operatorService } = client.connection as Connection;
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const absent = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !(name in (customAttributes ?? {})));
  if (absent.length === 0) return ok('search attributes', Object.keys(SEARCH_ATTRIBUTES).join(', '));
  const flags = absent.map(([name, type]) => `--name ${name} --type ${type}`).join(' ');
  return optional(
    'search attributes',
    `without ${absent.map(([name]) => name).join(', ')}; the worker registers them when it may`,
    `temporal operator search-attribute create ${flags}`,
  );
}

async function worker(client: Client, namespace: string): Promise<Check> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: TASK_QUEUE },
    taskQueueType: WORKFLOW_QUEUE,
  });
  const alive = (pollers ?? []).filter(
    ({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1000 > Date.now() - POLLED_WITHIN_MS,
  );
  return alive.length > 0
    ? ok('worker', alive.map(({ identity }) => identity).join(', '))
    : missing('worker', `none polls the task queue ${TASK_QUEUE}`, 'npm run worker (the demo starts its own)');
}
