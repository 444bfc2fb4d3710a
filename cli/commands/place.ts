import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import { CommandError, EXIT, type ExitCode } from '../../config/command-errors.ts';
import { type ConnectionSettings, connectionSettings, withClient } from '../../config/connect.ts';
import { finishWith } from '../../config/exit.ts';
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

/** Campaigns of one queue that are listed. *Ours*. */
const MAX_LISTED = 1000;
/** Campaigns that a refusal names. */
const MAX_NAMED = 5;

/** `list`, `queue` and `env`: this installation within its Temporal. */
export function addPlaceCommands(program: Command): void {
  program
    .command('list')
    .description('list the campaigns that are open on the task queue of this installation')
    .option('--json', 'answer as JSON')
    .action(finishWith(list));
  const queue = program.command('queue').description('tell which store the task queue of this installation belongs to');
  queue
    .command('show', { isDefault: true })
    .description('tell which store has the queue, since when, and what uses it')
    .option('--json', 'answer as JSON')
    .action(finishWith(show));
  queue
    .command('release')
    .description('give the queue up, so that the worker of another store may take it')
    .option('--force', 'although a worker polls it or campaigns are open on it: the next store gets them')
    .action(finishWith(release));
  program
    .command('env')
    .description('print the variables that lead temporal, tctl and orrery to this Temporal, for `eval "$(orrery env)"`')
    .action(
      finishWith(async () => {
        console.log(variables(connectionSettings()).join('\n'));
        return EXIT.ok;
      }),
    );
}

/** Pure. `tctl` has names of its own. */
export function variables({ connectionOptions: { address }, namespace, taskQueue }: ConnectionSettings): string[] {
  return Object.entries({
    TEMPORAL_ADDRESS: address,
    TEMPORAL_NAMESPACE: namespace,
    TEMPORAL_CLI_ADDRESS: address,
    TEMPORAL_CLI_NAMESPACE: namespace,
    ORRERY_TASK_QUEUE: taskQueue,
  }).map(([name, value]) => `export ${name}=${quoted(value)}`);
}

async function list({ json }: { json?: true }): Promise<ExitCode> {
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

async function show({ json }: { json?: true }): Promise<ExitCode> {
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
  console.log(`workers: ${named(found.pollers) || 'none'}`);
  console.log(`open campaigns: ${named(found.campaigns) || 'none'}`);
  return EXIT.ok;
}

async function release({ force }: { force?: true }): Promise<ExitCode> {
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
      ...(campaigns.length > 0 ? [`campaigns are open on it: ${named(campaigns)}`] : []),
      ...(pollers.length > 0 ? [`a worker polls it: ${named(pollers)}`] : []),
    ];
    if (used.length > 0 && !force) {
      throw new CommandError(
        EXIT.failed,
        `${describeQueueOwner(taskQueue, holder)}, and is in use: ${used.join('; ')}`,
        'let the campaigns end or cancel them, and stop the worker. `--force` gives the queue up all the same: ' +
          'the next store gets the open campaigns, without what they have finished',
      );
    }
    await releaseQueue(client, taskQueue, holder.runId);
    const whose = holder.kind === 'store' ? ` of the store ${describeStore(holder)}` : '';
    console.log(`task queue ${taskQueue} is free${whose}: the next worker takes it`);
    return EXIT.ok;
  });
}

/** Stages too: those of a campaign that was terminated are still ending. */
async function openCampaigns(client: Client, queue: string): Promise<string[]> {
  const open = new Set<string>();
  for await (const { workflowId } of openOnQueue(client, queue)) {
    open.add(workflowId.split('/')[0] ?? workflowId);
    if (open.size > MAX_NAMED) break;
  }
  return [...open];
}

/** Ids and identities that anyone may have chosen. */
export const named = (names: readonly string[]): string =>
  [...names.slice(0, MAX_NAMED).map(visibleText), ...(names.length > MAX_NAMED ? ['and more'] : [])].join(', ');
