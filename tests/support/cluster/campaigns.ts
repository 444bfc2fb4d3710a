import { BatchV1Api, CoreV1Api, type V1Job, type V1Pod } from '@kubernetes/client-node';
import type { WorkflowHandle } from '@temporalio/client';
import { DEFAULT_TASK_QUEUE } from '../../../installation/index.ts';
import { LABELS } from '../../../k8s/manifests/labels.ts';
import type { CampaignSpecInput, CampaignStatus, StageState, StageStatus } from '../../../spec/index.ts';
import type { campaign } from '../../../workflows/index.ts';
import { eventually } from './job-story.ts';
import type { TestNamespace } from './test-namespace.ts';
import type { ClusterBench } from './workbench.ts';

/** Campaigns in tests on the cluster: started, looked at through Temporal, and through the API server. */

export type Handle = WorkflowHandle<typeof campaign>;

export const startCampaign = (
  { client }: ClusterBench,
  workflowId: string,
  spec: CampaignSpecInput,
  taskQueue = DEFAULT_TASK_QUEUE,
): Promise<Handle> => client.workflow.start<typeof campaign>('campaign', { taskQueue, workflowId, args: [spec] });

export const statusOf = (handle: Handle): Promise<CampaignStatus> => handle.query<CampaignStatus>('status');

/** Undefined until the campaign is admitted: it has no stages before. */
const stageIfAdmitted = async (handle: Handle, stage: string): Promise<StageStatus | undefined> =>
  (await statusOf(handle)).stages.find(({ name }) => name === stage);

export async function stageOf(handle: Handle, stage: string): Promise<StageStatus> {
  const found = await stageIfAdmitted(handle, stage);
  if (found === undefined) throw new Error(`the campaign has no stage ${stage}`);
  return found;
}

/** Waits for a stage to be in one of the states. */
export async function untilStage(
  handle: Handle,
  stage: string,
  states: StageState[],
  timeoutMs = 60_000,
): Promise<StageStatus> {
  let seen: StageStatus | undefined;
  await eventually(
    `stage ${stage} is ${states.join(' or ')}`,
    async () => {
      seen = await stageIfAdmitted(handle, stage);
      return seen !== undefined && states.includes(seen.state);
    },
    timeoutMs,
  ).catch((error: Error) => {
    throw new Error(`${error.message}; it is ${seen?.state}: ${seen?.why ?? ''}`);
  });
  return seen as unknown as StageStatus;
}

export async function jobsOf({ admin, name: namespace }: TestNamespace, stage?: string): Promise<V1Job[]> {
  const labelSelector = stage === undefined ? LABELS.managedBy : `${LABELS.stage}=${stage}`;
  return (await admin.makeApiClient(BatchV1Api).listNamespacedJob({ namespace, labelSelector })).items;
}

export async function podsOf({ admin, name: namespace }: TestNamespace, stage?: string): Promise<V1Pod[]> {
  const labelSelector = stage === undefined ? LABELS.managedBy : `${LABELS.stage}=${stage}`;
  return (await admin.makeApiClient(CoreV1Api).listNamespacedPod({ namespace, labelSelector })).items;
}

export const isRunning = ({ status }: V1Pod): boolean => status?.phase === 'Running';
/** It may still start something. */
export const isLive = ({ status, spec }: V1Job): boolean =>
  spec?.suspend !== true &&
  !status?.conditions?.some(({ type, status: is }) => ['Complete', 'Failed'].includes(type) && is === 'True');

/** What is left of a campaign: pods that have not ended, and Jobs that might start some. */
export async function leftovers(namespace: TestNamespace): Promise<string[]> {
  const [jobs, pods] = await Promise.all([jobsOf(namespace), podsOf(namespace)]);
  return [
    ...jobs.filter(isLive).map(({ metadata }) => `job ${metadata?.name}`),
    ...pods
      .filter(({ status }) => !['Succeeded', 'Failed'].includes(status?.phase ?? ''))
      .map(({ metadata }) => `pod ${metadata?.name}`),
  ];
}

/** The pods of a stage end up to three seconds after the stage, and those of a cancelled one before it. */
export const untilNothingIsLeft = (namespace: TestNamespace): Promise<void> =>
  eventually('nothing is left', async () => (await leftovers(namespace)).length === 0, 15_000);
