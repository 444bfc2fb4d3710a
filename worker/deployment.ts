import type { WorkerDeploymentOptions } from '@temporalio/worker';
import { InvalidInputError } from '../spec/index.ts';

/**
 * The worker deployment version that the environment sets; null if it sets none. Campaigns are pinned: a campaign stays
 * on the version with which it started, so that version needs a running worker.
 * @throws InvalidInputError if only one of the two variables is set
 */
export function deploymentOf(env: NodeJS.ProcessEnv): WorkerDeploymentOptions | null {
  const { ORRERY_DEPLOYMENT: deploymentName, ORRERY_BUILD_ID: buildId } = env;
  if (!deploymentName && !buildId) return null;
  if (!deploymentName || !buildId) {
    const field = deploymentName ? 'ORRERY_BUILD_ID' : 'ORRERY_DEPLOYMENT';
    const message =
      'expected a name, because ORRERY_DEPLOYMENT and ORRERY_BUILD_ID must be set together, but got nothing';
    throw new InvalidInputError('the environment of the worker', [{ field, message }]);
  }
  return { useWorkerVersioning: true, version: { deploymentName, buildId }, defaultVersioningBehavior: 'PINNED' };
}
