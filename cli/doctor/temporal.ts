import type { Client, Connection } from '@temporalio/client';
import { CommandError, errorMessage } from '../../config/command-errors.ts';
import { type ConnectionSettings, connect, connectionSettings } from '../../config/connect.ts';
import { storePath } from '../../config/paths.ts';
import { connectionFlags, releaseCommand } from '../../config/printed-commands.ts';
import { describeQueueOwner, queueOwnerOf } from '../../installation/index.ts';
import { SEARCH_ATTRIBUTES } from '../../spec/index.ts';
import { knownStoreId } from '../../store/index.ts';
import { type Check, missing, ok, optional } from './check.ts';

/** Temporal lists a poller for some minutes after its last poll. A live worker polls at least once a minute. */
const POLLED_WITHIN_MS = 70_000;
const WORKFLOW_QUEUE = 1; // temporal.api.enums.v1.TaskQueueType.WORKFLOW

/** Checks of the Temporal server, this installation's task queue and its workers. */
export async function temporalChecks(): Promise<Check[]> {
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
      missing('Temporal', `${connectionOptions.address}: ${errorMessage(error)}`, `is there a namespace ${namespace}?`),
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
    `${absent.map(([name]) => name).join(', ')} not registered; the worker registers them if it has the right to`,
    `temporal operator search-attribute create ${connectionFlags(settings)} ${flags}`,
  );
}

/**
 * Whether this store or nobody owns the task queue. A store without an id has had no worker yet, so any owner is
 * accepted.
 */
async function queue(client: Client, { taskQueue }: ConnectionSettings): Promise<Check> {
  const [holder, own] = [await queueOwnerOf(client, taskQueue), await knownStoreId(storePath())];
  const found = describeQueueOwner(taskQueue, holder).replace(/^task queue /, ''); // The row's name says it.
  if (holder.kind === 'nobody' || (holder.kind === 'store' && (own === null || holder.store === own)))
    return ok('task queue', found);
  return missing(
    'task queue',
    `${found}${own === null ? '' : `; the store of this project is ${own}`}`,
    `name another queue with ORRERY_TASK_QUEUE, or release this one: ${releaseCommand()}`,
  );
}

async function worker(client: Client, settings: ConnectionSettings): Promise<Check> {
  const alive = await livePollers(client, settings);
  return alive.length > 0
    ? ok('worker', alive.join(', '))
    : missing('worker', `no worker polls task queue ${settings.taskQueue}`, 'npm run worker (the demo starts its own)');
}

/** Identities of the workers that poll the task queue. */
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
