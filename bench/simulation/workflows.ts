/** Workflows of the simulations: orrery's own, unchanged, and the people around it. */
import { executeChild, getExternalWorkflowHandle, setDefaultSignalHandler, sleep } from '@temporalio/workflow';
import type { StageStatus } from '../../spec/index.ts';
import type { StageRun } from '../../workflows/index.ts';

export * from '../../workflows/index.ts';

/** Somebody who sees after a while that a stage is held, and starts it again. */
export async function person(stageWorkflowId: string, answersAfterSeconds: number): Promise<void> {
  await sleep(answersAfterSeconds * 1000);
  await getExternalWorkflowHandle(stageWorkflowId).signal('retry');
}

/** A campaign of one stage: a stage is started by its campaign alone. */
export async function loneStage(run: StageRun): Promise<StageStatus> {
  setDefaultSignalHandler(() => undefined);
  return await executeChild('stage', { workflowId: `${run.campaignId}/${run.request.name}`, args: [run] });
}
