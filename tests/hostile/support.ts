import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import type { CampaignStatus, StageState, StageStatus } from '../../spec/index.ts';
import { aCampaign } from '../support/worker.ts';
import type { Payload } from './payloads.ts';

/** Raw calls of the Temporal service, which can send more than the SDK allows. */
export function rawService({ workflowService }: Client) {
  const namespace = 'default';
  return {
    signal: (workflowId: string, signalName: string, payloads: readonly Payload[]) =>
      workflowService.signalWorkflowExecution({
        namespace,
        workflowExecution: { workflowId },
        signalName,
        requestId: randomUUID(),
        input: { payloads: [...payloads] },
      }),
    /** @returns why it was refused; null if it was accepted */
    async update(workflowId: string, name: string, payloads: readonly Payload[]): Promise<string | null> {
      const { outcome } = await workflowService.updateWorkflowExecution({
        namespace,
        workflowExecution: { workflowId },
        waitPolicy: { lifecycleStage: 3 }, // completed
        request: { meta: { updateId: randomUUID() }, input: { name, args: { payloads: [...payloads] } } },
      });
      return outcome?.failure?.message ?? null;
    },
    /** @returns why it failed; null if it was answered */
    async query(workflowId: string, queryType: string, payloads: readonly Payload[]): Promise<string | null> {
      try {
        const query = { queryType, queryArgs: { payloads: [...payloads] } };
        await workflowService.queryWorkflow({ namespace, execution: { workflowId }, query });
        return null;
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
    start: (
      workflowType: string,
      payloads: readonly Payload[],
      more: Partial<temporal.api.workflowservice.v1.IStartWorkflowExecutionRequest> = {},
    ) => {
      const workflowId = `started-${randomUUID()}`;
      return workflowService
        .startWorkflowExecution({
          namespace,
          workflowId,
          workflowType: { name: workflowType },
          taskQueue: { name: 'orrery' },
          input: { payloads: [...payloads] },
          requestId: randomUUID(),
          ...more,
        })
        .then(() => more.workflowId ?? workflowId);
    },
  };
}

/** The errors of all failed tasks of a workflow. */
export async function failedTasks(client: Client, workflowId: string): Promise<string[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).flatMap(({ workflowTaskFailedEventAttributes: failed }) =>
    failed === undefined || failed === null ? [] : [failed.failure?.message ?? String(failed.cause)],
  );
}

export const campaignStatus = (client: Client, id: string): Promise<CampaignStatus> =>
  client.workflow.getHandle(id).query<CampaignStatus>('status');
export const stageStatus = (client: Client, id: string): Promise<StageStatus> =>
  client.workflow.getHandle(id).query<StageStatus>('status');

/** Waits for a condition: checks it four times a second, for 90 seconds at most. */
export async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (let looks = 0; looks < 360; looks += 1) {
    if (await holds().catch(() => false)) return;
    await sleep(250);
  }
  throw new Error(`not so after 90 s: ${what}`);
}

export const untilStage = (client: Client, id: string, stage: string, state: StageState): Promise<void> =>
  until(
    async () => (await campaignStatus(client, id)).stages.find(({ name }) => name === stage)?.state === state,
    `${stage} of ${id} is ${state}`,
  );

/** A campaign with few stages, whose search is held until it is retried. */
export const heldCampaign = (seed: number) =>
  aCampaign({
    seed,
    until: 'linearise',
    onFailure: 'hold',
    arms: [{ name: 'astro' }, { name: 'direct', searchTraces: 0 }],
    settings: { faults: { search: [65] } },
  });

/** A campaign whose first stage runs for an hour. */
export const longCampaign = (seed: number) =>
  aCampaign({ seed, until: 'linearise', settings: { steps: 36_000, stepMs: 100, only: ['pretrain'] } });
