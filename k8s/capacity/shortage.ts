import type { JobRequest, Shortage } from '../../executor/index.ts';
import type { Qualification } from '../../planner/index.ts';
import type { KubernetesSettings } from '../../spec/index.ts';
import type { KubeClient } from '../api/client.ts';
import type { Log } from '../api/log.ts';
import { qualifyJob, surveyCluster } from './nodes.ts';

/** Most reasons that a message gives; it counts the others. *Ours*. */
const MOST_REASONS = 4;

/** Describes what the cluster lacks; null if the job fits now. Pure. */
export function shortageIn(found: Qualification, request: Pick<JobRequest, 'resources'>): Shortage | null {
  const { fits, podsNeeded, podsNow, podsEver, refused } = found;
  if (fits === 'now') return null;
  const { gpus, cpus } = request.resources;
  const pod = gpus > 0 ? `${gpus} GPUs` : `${cpus} cores`;
  const room =
    fits === 'never'
      ? `room for ${podsNeeded} pods of ${pod} is needed, and the whole cluster has it for ${podsEver}`
      : `room for ${podsNeeded} pods of ${pod} is needed, and there is some for ${podsNow} (for ${podsEver} once others have gone)`;
  const reasons = refused.slice(0, MOST_REASONS).map(({ why, nodes }) => `${nodes.length} nodes: ${why}`);
  const more = refused.length > MOST_REASONS ? [`${refused.length - MOST_REASONS} reasons more`] : [];
  return { fits, why: [room, ...reasons, ...more].join('; ') };
}

/**
 * Checks before a job is submitted whether the cluster has the capacity for it. Null also if the worker may not list
 * nodes.
 * @returns a function of the job, and of whether the job has to fit now. If it may wait, only nodes are listed, not
 *   pods
 */
export function createShortage(
  client: Pick<KubeClient, 'listNodes' | 'listPodsOnNodes'>,
  settings: KubernetesSettings,
  log: Log,
): (request: JobRequest, mustFitNow: boolean) => Promise<Shortage | null> {
  let isLogged = false;
  return async (request, mustFitNow) => {
    if (!settings.checkRoom) return null;
    const survey = await surveyCluster(client, mustFitNow);
    if (survey === null && !isLogged) {
      log.info(
        { rights: 'deploy/rbac-planner.yaml' },
        'capacity is not checked before stages: the worker may not list nodes',
      );
      isLogged = true;
    }
    return survey === null ? null : shortageIn(qualifyJob(request, settings, survey), request);
  };
}
