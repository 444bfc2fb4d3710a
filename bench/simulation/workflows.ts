/** Workflows of the simulations: orrery's own, unchanged, and a simulated person. */
import { executeChild, getExternalWorkflowHandle, setDefaultSignalHandler, sleep } from '@temporalio/workflow';
import type { StageStatus } from '../../spec/index.ts';
import type { StageRun } from '../../workflows/index.ts';

export * from '../../workflows/index.ts';

/** A simulated person who restarts a held stage after a while. */
export async function person(stageWorkflowId: string, answersAfterSeconds: number): Promise<void> {
  await sleep(answersAfterSeconds * 1000);
  await getExternalWorkflowHandle(stageWorkflowId).signal('retry');
}

/** A campaign with one stage, because only a campaign can start a stage. */
export async function loneStage(run: StageRun): Promise<StageStatus> {
  setDefaultSignalHandler(() => undefined);
  return await executeChild('stage', { workflowId: `${run.campaignId}/${run.request.name}`, args: [run] });
}
