/** Workflows of the simulations: orrery's own, unchanged, and the people around it. */
import { getExternalWorkflowHandle, sleep } from '@temporalio/workflow';

export * from '../../workflows/index.ts';

/** Somebody who sees after a while that a stage is held, and starts it again. */
export async function person(stageWorkflowId: string, answersAfterSeconds: number): Promise<void> {
  await sleep(answersAfterSeconds * 1000);
  await getExternalWorkflowHandle(stageWorkflowId).signal('retry');
}
