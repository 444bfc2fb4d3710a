import type { JobRequest, Shortage } from '../../executor/index.ts';
import type { Qualification } from '../../planner/index.ts';
import type { KubernetesSettings } from '../../spec/index.ts';
import type { KubeClient } from '../api/client.ts';
import type { Log } from '../api/log.ts';
import type { Pod } from '../api/objects.ts';
import { qualifyJob, readClusterNodes } from './nodes.ts';

/** Number of reasons that a message gives; the rest is counted. *Ours*. */
const REASONS_SHOWN = 4;

/** Describes the capacity that the cluster lacks; null if the job fits now. Pure. */
export function shortageIn(found: Qualification, request: Pick<JobRequest, 'resources'>): Shortage | null {
  const { fits, podsNeeded, podsNow, podsEver, refused } = found;
  if (fits === 'now') return null;
  const { gpus, cpus } = request.resources;
  const pod = gpus > 0 ? `${gpus} GPUs` : `${cpus} cores`;
  const summary =
    fits === 'never'
      ? `needs capacity for ${podsNeeded} pods of ${pod}; the whole cluster has capacity for ${podsEver}`
      : `needs capacity for ${podsNeeded} pods of ${pod}; now there is capacity for ${podsNow} (${podsEver} once other pods have ended)`;
  const reasons = refused.slice(0, REASONS_SHOWN).map(({ why, nodes }) => `${nodes.length} nodes: ${why}`);
  const more = refused.length > REASONS_SHOWN ? [`${refused.length - REASONS_SHOWN} more reasons`] : [];
  return { fits, why: [summary, ...reasons, ...more].join('; ') };
}

/**
 * Checks the capacity of the cluster before a job is submitted. Also null if the worker may not list nodes: missing
 * information proves nothing.
 * @param isEnding - whether a pod of the cluster has done its work: the stage before this one has just ended, and the
 *   kubelet needs seconds to end its pods
 * @returns a function of the job, and of whether it has to fit now: for a job that may wait, only nodes are listed,
 *   without their pods
 */
export function createShortage(
  client: Pick<KubeClient, 'listNodes' | 'listPodsOnNodes'>,
  settings: KubernetesSettings,
  log: Log,
  isEnding?: (pod: Pod) => Promise<boolean>,
): (request: JobRequest, mustFitNow: boolean) => Promise<Shortage | null> {
  let isLogged = false;
  return async (request, mustFitNow) => {
    if (!settings.checkRoom) return null;
    const cluster = await readClusterNodes(client, mustFitNow, isEnding);
    if (cluster === null && !isLogged) {
      log.info(
        { rights: 'deploy/rbac-planner.yaml' },
        'the worker may not list nodes: capacity is not checked before a stage',
      );
      isLogged = true;
    }
    return cluster === null ? null : shortageIn(qualifyJob(request, settings, cluster), request);
  };
}
