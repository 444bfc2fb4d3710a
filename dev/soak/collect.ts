import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { execa } from 'execa';
import PQueue from 'p-queue';
import { TEMPORAL } from '../../config/paths.ts';
import { type CampaignEnd, EVIDENCE } from './checker/evidence.ts';

const PATIENCE_MS = 60_000;
const MAX_HISTORY_BYTES = 256 * 2 ** 20;

/** The part of a status that leads to the workflows of its stages. */
interface StatusJson {
  readonly stages: readonly { readonly name: string; readonly state: string }[];
}

export interface Where {
  readonly client: Client;
  /** Address of Temporal, `host:port`. */
  readonly address: string;
  /** Folder of the evidence. */
  readonly folder: string;
  /** Whether the campaigns have ended. */
  readonly hasEnded: boolean;
}

/** Writes the ends and the histories of a campaign and its stages. @returns the last status of the campaign */
export async function collectCampaign(where: Where, id: string): Promise<StatusJson | null> {
  const { client, folder } = where;
  const status = await insist(() => client.workflow.getHandle(id).query<StatusJson>('status'));
  const stages = (status?.stages ?? []).filter(({ state }) => state !== 'pending').map(({ name }) => `${id}/${name}`);
  const queue = new PQueue({ concurrency: 3 });
  const runs = await queue.addAll([id, ...stages].map((workflow) => () => collectRuns(where, workflow)));
  const [own = []] = runs;
  const end: CampaignEnd = { id, workflow: own.at(-1)?.status ?? 'UNKNOWN', status, runs: own };
  mkdirSync(join(folder, EVIDENCE.campaigns), { recursive: true });
  writeFileSync(join(folder, EVIDENCE.campaigns, `${id}.json`), JSON.stringify(end, null, 2));
  return status;
}

/** Every run of a workflow, oldest first. */
async function collectRuns(
  { client, address, folder, hasEnded }: Where,
  workflowId: string,
): Promise<CampaignEnd['runs']> {
  const listed = await insist(async () => {
    const found: { runId: string; status: string; startTime: Date }[] = [];
    for await (const { runId, status, startTime } of client.workflow.list({ query: `WorkflowId = '${workflowId}'` }))
      found.push({ runId, status: status.name, startTime });
    // The list of workflows is eventually consistent. A workflow that hangs stays listed as running.
    const behind = found.length === 0 || (hasEnded && found.some(({ status }) => status === 'RUNNING'));
    if (behind) throw new Error(`${workflowId} is not listed as ended yet`);
    return found.toSorted((a, b) => a.startTime.getTime() - b.startTime.getTime());
  });
  const place = join(folder, EVIDENCE.histories, workflowId.replaceAll('/', '~'));
  mkdirSync(place, { recursive: true });
  return await Promise.all(
    (listed ?? []).map(async ({ runId, status }) => {
      const args = ['workflow', 'show', '--workflow-id', workflowId, '--run-id', runId, '--output', 'json'];
      const { stdout } = await execa(TEMPORAL, [...args, '--address', address], { maxBuffer: MAX_HISTORY_BYTES });
      writeFileSync(join(place, `${runId}.json`), stdout);
      return { runId, status, continuedFrom: continuedFrom(stdout) };
    }),
  );
}

function continuedFrom(history: string): string | null {
  const { events } = JSON.parse(history) as {
    events: { workflowExecutionStartedEventAttributes?: { continuedExecutionRunId?: string } }[];
  };
  return events[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || null;
}

/** Retries until there is an answer; null when there is none in time. */
async function insist<T>(ask: () => Promise<T>): Promise<T | null> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask().catch(() => null);
    if (answer !== null || performance.now() > deadline) return answer;
    await sleep(500);
  }
}
