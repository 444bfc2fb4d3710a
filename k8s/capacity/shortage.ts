import type { JobRequest, Shortage } from '../../executor/index.ts';
import type { Qualification } from '../../planner/index.ts';
import type { KubernetesSettings } from '../../spec/index.ts';
import type { KubeClient } from '../api/client.ts';
import type { Log } from '../api/log.ts';
import { qualifyJob, surveyCluster } from './nodes.ts';

/** Reasons that are told; the rest is counted. *Ours*. */
const REASONS_TOLD = 4;

/** In words what the cluster lacks; null where there is room now. Pure. */
export function shortageIn(found: Qualification, request: Pick<JobRequest, 'resources'>): Shortage | null {
  const { fits, podsNeeded, podsNow, podsEver, refused } = found;
  if (fits === 'now') return null;
  const { gpus, cpus } = request.resources;
  const pod = gpus > 0 ? `${gpus} GPUs` : `${cpus} cores`;
  const room =
    fits === 'never'
      ? `room for ${podsNeeded} pods of ${pod} is needed, and the whole cluster has it for ${podsEver}`
      : `room for ${podsNeeded} pods of ${pod} is needed, and there is some for ${podsNow} (for ${podsEver} once others have gone)`;
  const told = refused.slice(0, REASONS_TOLD).map(({ why, nodes }) => `${nodes.length} nodes: ${why}`);
  const more = refused.length > REASONS_TOLD ? [`${refused.length - REASONS_TOLD} reasons more`] : [];
  return { fits, why: [room, ...told, ...more].join('; ') };
}

/**
 * Looks at the cluster before a job is submitted. Null too where it may not be looked at: nothing is concluded from that.
 * @returns a function of the job, and of whether it has to fit now: if it may wait, only nodes are asked for, and not who is on them
 */
export function createShortage(
  client: Pick<KubeClient, 'listNodes' | 'listPodsOnNodes'>,
  settings: KubernetesSettings,
  log: Log,
): (request: JobRequest, mustFitNow: boolean) => Promise<Shortage | null> {
  let told = false;
  return async (request, mustFitNow) => {
    if (!settings.checkRoom) return null;
    const survey = await surveyCluster(client, mustFitNow);
    if (survey === null && !told) {
      log.info(
        { rights: 'deploy/rbac-planner.yaml' },
        'nodes may not be listed: no look at the cluster before a stage',
      );
      told = true;
    }
    return survey === null ? null : shortageIn(qualifyJob(request, settings, survey), request);
  };
}
