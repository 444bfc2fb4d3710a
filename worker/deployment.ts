import type { WorkerDeploymentOptions } from '@temporalio/worker';
import { InvalidInputError } from '../spec/index.ts';

/**
 * The worker deployment version that the environment asks for, or null. Campaigns are pinned: one goes on with the version that it
 * began with, as long as a worker of it is there.
 * @throws InvalidInputError when only one of the two variables is set
 */
export function deploymentOf(env: NodeJS.ProcessEnv): WorkerDeploymentOptions | null {
  const { ORRERY_DEPLOYMENT: deploymentName, ORRERY_BUILD_ID: buildId } = env;
  if (!deploymentName && !buildId) return null;
  if (!deploymentName || !buildId) {
    const field = deploymentName ? 'ORRERY_BUILD_ID' : 'ORRERY_DEPLOYMENT';
    const message = 'expected a name, as the other of ORRERY_DEPLOYMENT and ORRERY_BUILD_ID is set, but got nothing';
    throw new InvalidInputError('the environment of the worker', [{ field, message }]);
  }
  return { useWorkerVersioning: true, version: { deploymentName, buildId }, defaultVersioningBehavior: 'PINNED' };
}
