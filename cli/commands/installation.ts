import type { Client } from '@temporalio/client';
import { CommandError, EXIT, type ExitCode } from '../../config/command-errors.ts';
import { type ConnectionSettings, connectionSettings, withClient } from '../../config/connect.ts';
import { storePath } from '../../config/paths.ts';
import { quoted } from '../../config/printed-commands.ts';
import {
  describeQueueOwner,
  describeStore,
  openOnQueue,
  queueOwnerOf,
  releaseQueue,
} from '../../installation/index.ts';
import { visibleText } from '../../spec/index.ts';
import { knownStoreId } from '../../store/index.ts';
import { livePollers } from '../doctor/temporal.ts';

/** Campaigns that `list` shows at most. *Ours*. */
const MAX_LISTED = 1000;
/** Names that a message lists at most. */
const MAX_NAMED = 5;

/** `list`, `queue` and `env`: this installation and its task queue on Temporal. */

/** `env`. */
export async function printEnvironment(): Promise<ExitCode> {
  console.log(environmentLines(connectionSettings()).join('\n'));
  return EXIT.ok;
}

/** Pure. `tctl` reads variables of its own. */
export function environmentLines({
  connectionOptions: { address },
  namespace,
  taskQueue,
}: ConnectionSettings): string[] {
  return Object.entries({
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    TEMPORAL_CLI_ADDRESS: address,
    TEMPORAL_CLI_NAMESPACE: namespace,
    ORRERY_TASK_QUEUE: taskQueue,
  }).map(([name, value]) => `export ${name}=${quoted(value)}`);
}

export async function list({ json }: { json?: true }): Promise<ExitCode> {
  const { taskQueue } = connectionSettings();
  const campaigns = await withClient(async (client) => {
    const open: { id: string; startedAt: string | null }[] = [];
    for await (const { workflowId, type, startedAt } of openOnQueue(client, taskQueue)) {
      if (type === 'campaign') open.push({ id: workflowId, startedAt: startedAt?.toISOString() ?? null });
      if (open.length === MAX_LISTED) break;
    }
    return open;
  });
  const lines = campaigns.map(({ id, startedAt }) => `${visibleText(id)}  since ${startedAt ?? 'unknown'}`);
  if (json) console.log(JSON.stringify(campaigns, null, 2));
  else console.log(lines.length === 0 ? `no campaign is open on the task queue ${taskQueue}` : lines.join('\n'));
  return EXIT.ok;
}

export async function showQueue({ json }: { json?: true }): Promise<ExitCode> {
  const settings = connectionSettings();
  const { taskQueue } = settings;
  const path = storePath();
  const store = await knownStoreId(path);
  const found = await withClient(async (client) => ({
    holder: await queueOwnerOf(client, taskQueue),
    pollers: await livePollers(client, settings),
    campaigns: await openCampaigns(client, taskQueue),
  }));
  if (json) {
    console.log(JSON.stringify({ taskQueue, store, ...found }, null, 2));
    return EXIT.ok;
  }
  console.log(describeQueueOwner(taskQueue, found.holder));
  console.log(
    `the store of this project: ${store === null ? `${path}, which no worker has used` : `${store} (${path})`}`,
  );
  console.log(`workers: ${listNames(found.pollers) || 'none'}`);
  console.log(`open campaigns: ${listNames(found.campaigns) || 'none'}`);
  return EXIT.ok;
}

export async function releaseOwnQueue({ force }: { force?: true }): Promise<ExitCode> {
  const settings = connectionSettings();
  const { taskQueue } = settings;
  return withClient(async (client) => {
    const holder = await queueOwnerOf(client, taskQueue);
    if (holder.kind === 'nobody') {
      console.log(describeQueueOwner(taskQueue, holder));
      return EXIT.ok;
    }
    const [pollers, campaigns] = await Promise.all([livePollers(client, settings), openCampaigns(client, taskQueue)]);
    const used = [
      ...(campaigns.length > 0 ? [`campaigns are open on it: ${listNames(campaigns)}`] : []),
      ...(pollers.length > 0 ? [`a worker polls it: ${listNames(pollers)}`] : []),
    ];
    if (used.length > 0 && !force) {
      throw new CommandError(
        EXIT.failed,
        `${describeQueueOwner(taskQueue, holder)}, and is in use: ${used.join('; ')}`,
        'wait for the campaigns to end or cancel them, and stop the worker. `--force` releases the queue anyway: ' +
          'the next store gets the open campaigns, but none of their finished stages',
      );
    }
    await releaseQueue(client, taskQueue, holder.runId);
    const owner = holder.kind === 'store' ? `; store ${describeStore(holder)} owned it` : '';
    console.log(`task queue ${taskQueue} is free${owner}. The next worker takes it`);
    return EXIT.ok;
  });
}

/** Campaigns with an open workflow. Stages count: those of a terminated campaign may still be ending. */
async function openCampaigns(client: Client, queue: string): Promise<string[]> {
  const open = new Set<string>();
  for await (const { workflowId } of openOnQueue(client, queue)) {
    open.add(workflowId.split('/')[0] ?? workflowId);
    if (open.size > MAX_NAMED) break;
  }
  return [...open];
}

/** Names joined for a message. They may come from strangers, so control characters are shown, not sent. */
export const listNames = (names: readonly string[]): string =>
  [...names.slice(0, MAX_NAMED).map(visibleText), ...(names.length > MAX_NAMED ? ['and more'] : [])].join(', ');
