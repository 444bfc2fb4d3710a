import type { Client, Connection } from '@temporalio/client';
import { CommandError, messageOf } from '../../config/command-errors.ts';
import { type ConnectionSettings, connect, connectionSettings } from '../../config/connect.ts';
import { storePath } from '../../config/paths.ts';
import { placeFlags, releaseCommand } from '../../config/printed-commands.ts';
import { describeQueueOwner, queueOwnerOf } from '../../installation/index.ts';
import { SEARCH_ATTRIBUTES } from '../../spec/index.ts';
import { knownStoreId } from '../../store/index.ts';
import { type Check, missing, ok, optional } from './check.ts';

/** Temporal keeps a poller in its list for some minutes after it is gone; a living one polls again within one. */
const POLLED_WITHIN_MS = 70_000;
const WORKFLOW_QUEUE = 1; // temporal.api.enums.v1.TaskQueueType.WORKFLOW

/** What the Temporal server says. */
export async function examineTemporal(): Promise<Check[]> {
  const settings = connectionSettings();
  const { connectionOptions, namespace } = settings;
  let client: Client;
  try {
    client = await connect(settings);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const [problem = '', remedy = ''] = error.message.split('\n');
    return [missing('Temporal', problem, remedy)];
  }
  try {
    return [
      ok('Temporal', `${connectionOptions.address}, namespace ${namespace}`),
      await searchAttributes(client, settings),
      await queue(client, settings),
      await worker(client, settings),
    ];
  } catch (error) {
    return [
      missing('Temporal', `${connectionOptions.address}: ${messageOf(error)}`, `is there a namespace ${namespace}?`),
    ];
  } finally {
    await client.connection.close();
  }
}

async function searchAttributes(client: Client, settings: ConnectionSettings): Promise<Check> {
  const { namespace } = settings;
  const { operatorService } = client.connection as Connection;
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const absent = Object.entries(SEARCH_ATTRIBUTES).filter(([name]) => !(name in (customAttributes ?? {})));
  if (absent.length === 0) return ok('search attributes', Object.keys(SEARCH_ATTRIBUTES).join(', '));
  const flags = absent.map(([name, type]) => `--name ${name} --type ${type}`).join(' ');
  return optional(
    'search attributes',
    `without ${absent.map(([name]) => name).join(', ')}; the worker registers them when it may`,
    `temporal operator search-attribute create ${placeFlags(settings)} ${flags}`,
  );
}

/** Whether the task queue is this store's, or nobody's. Where no worker has used the store yet, any owner may be right: the store is elsewhere. */
async function queue(client: Client, { taskQueue }: ConnectionSettings): Promise<Check> {
  const [holder, own] = [await queueOwnerOf(client, taskQueue), await knownStoreId(storePath())];
  const found = describeQueueOwner(taskQueue, holder);
  if (holder.kind === 'nobody' || (holder.kind === 'store' && (own === null || holder.store === own)))
    return ok('task queue', found);
  return missing(
    'task queue',
    `${found}${own === null ? '' : `; the store of this project is ${own}`}`,
    `name another with ORRERY_TASK_QUEUE, or give this one up: ${releaseCommand()}`,
  );
}

async function worker(client: Client, settings: ConnectionSettings): Promise<Check> {
  const alive = await livePollers(client, settings);
  return alive.length > 0
    ? ok('worker', alive.join(', '))
    : missing('worker', `none polls the task queue ${settings.taskQueue}`, 'npm run worker (the demo starts its own)');
}

/** Who polls the task queue, by the names that workers give themselves. */
export async function livePollers(client: Client, { namespace, taskQueue }: ConnectionSettings): Promise<string[]> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: WORKFLOW_QUEUE,
  });
  return (pollers ?? [])
    .filter(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1000 > Date.now() - POLLED_WITHIN_MS)
    .map(({ identity }) => identity ?? '');
}
