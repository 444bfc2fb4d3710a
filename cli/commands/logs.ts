import type { Client } from '@temporalio/client';
import { CommandError, EXIT, type ExitCode } from '../../config/command-errors.ts';
import { withClient } from '../../config/connect.ts';
import type { CampaignStatus, StageStatus } from '../../spec/index.ts';
import { viewCampaign } from '../campaigns.ts';
import { orAborted, sleepOrAborted, untilInterrupted } from '../interrupt.ts';
import { logFiles, type Offsets, printNew } from '../logs.ts';
import { interrupted, stillRunningHint } from './interrupted.ts';
import { podPrinter, runsInCluster } from './pod-logs.ts';

const FOLLOW_MS = 500;
/** After a stage has ended, its last lines arrive within this time. */
const LAST_LINES_MS = 1500;

/** `logs`: what the programs of a stage print, from the store or from the pods of a cluster. */
export async function logs(id: string, stage: string | undefined, options: { follow?: true }): Promise<ExitCode> {
  const ended = await withClient((client) =>
    untilInterrupted(
      (signal) => orAborted(printLogs(client, id, stage, options.follow ?? false, signal), signal),
      () => stillRunningHint(id),
    ),
  );
  if (ended === null) throw interrupted(id);
  return ended;
}

/**
 * Prints logs from the pods of a cluster: for `--follow`, and where the store has no log files.
 * @returns the number of printed lines
 */
async function podLogs(
  client: Client,
  id: string,
  names: readonly string[],
  follow: boolean,
  signal: AbortSignal,
): Promise<number> {
  const stopFollowing = new AbortController();
  const printer = await podPrinter(follow, AbortSignal.any([signal, stopFollowing.signal]));
  do {
    const { status } = await viewCampaign(client, id);
    for (const name of names) {
      const { key, attempt } = stageNamed(status, name);
      if (key !== null && attempt !== null) printer.print(name, { key, attempt });
    }
    if (follow) await sleepOrAborted(FOLLOW_MS, signal);
  } while (follow && !signal.aborted && (await anyRuns(client, id, names)));
  if (follow) await sleepOrAborted(LAST_LINES_MS, signal);
  if (follow) stopFollowing.abort();
  return await printer.finish();
}

async function printLogs(
  client: Client,
  id: string,
  stage: string | undefined,
  follow: boolean,
  signal: AbortSignal,
): Promise<ExitCode> {
  const stages = stage === undefined ? await defaultStages(client, id) : [stage];
  const offsets: Offsets = new Map();
  for (;;) {
    const { status } = await viewCampaign(client, id);
    const files = stages.flatMap((name) => {
      const { key, attempt } = stageNamed(status, name);
      return key === null || attempt === null ? [] : logFiles({ key, attempt });
    });
    if (runsInCluster() && (follow || files.length === 0)) {
      const lines = await podLogs(client, id, stages, follow, signal);
      if (lines > 0 || follow) return EXIT.ok;
      throw new CommandError(
        EXIT.missing,
        `there are no logs of ${stages.join(', ')} of campaign ${id}: the store keeps those of failures, and the cluster has no pods of it that printed anything`,
        'the stage did not run, was reused, or its pods were removed (limits.keepFinishedSeconds, keepLogs: docs/kubernetes.md)',
      );
    }
    await printNew(files, offsets);
    if (!follow && offsets.size === 0) {
      throw new CommandError(
        EXIT.missing,
        `there are no logs of ${stages.join(', ')} of campaign ${id} in this store: the stage did not run, or it was reused`,
      );
    }
    if (!follow || signal.aborted || !(await anyRuns(client, id, stages))) return EXIT.ok;
    await sleepOrAborted(FOLLOW_MS, signal);
  }
}

/** @throws CommandError 66 when the campaign has no such stage */
function stageNamed(status: CampaignStatus | null, name: string): StageStatus {
  const found = status?.stages.find((stage) => stage.name === name);
  if (found !== undefined) return found;
  const known = status?.stages.map((stage) => stage.name).join(', ') ?? 'none: no worker answers';
  throw new CommandError(EXIT.missing, `expected a stage of the campaign, but got "${name}"`, `its stages: ${known}`);
}

/** The stages that run now; if none runs, the stage that failed last. */
async function defaultStages(client: Client, id: string): Promise<string[]> {
  const stages = (await viewCampaign(client, id)).status?.stages ?? [];
  const running = stages.filter(({ state }) => state === 'running');
  const failed = stages.filter(({ incidents, state }) => incidents.length > 0 && state !== 'completed').slice(-1);
  const names = (running.length > 0 ? running : failed).map(({ name }) => name);
  if (names.length > 0) return names;
  throw new CommandError(
    EXIT.missing,
    `no stage of campaign ${id} runs now`,
    `name one: ${stages.map(({ name }) => name).join(', ')}`,
  );
}

async function anyRuns(client: Client, id: string, names: readonly string[]): Promise<boolean> {
  const { status } = await viewCampaign(client, id);
  const ended = new Set(['completed', 'reused', 'failed', 'cancelled']);
  return (status?.stages ?? []).some(({ name, state }) => names.includes(name) && !ended.has(state));
}
