import type { JobRequest } from '../../executor/index.ts';
import type { KubernetesSettings } from '../../spec/index.ts';
import type { Job } from '../api/objects.ts';
import { podFailurePolicy } from './failure-policy.ts';
import { ANNOTATIONS, LABELS } from './labels.ts';
import { jobAnnotations, jobLabels } from './metadata.ts';
import { placementOf } from './placement.ts';
import { podSpec } from './pod.ts';

/**
 * The Job of one attempt. Pure: equal requests and settings give equal manifests.
 *
 * - Shards: an Indexed Job, as many pods at a time as the stage allows. None is started a second time, and one that fails ends the Job, so that the
 *   next attempt begins soon: those that have finished keep their parts, the others save on SIGTERM.
 * - A gang: all ranks at once, done when rank 0 is.
 *
 * Who owns which field: `suspend` and the annotations `stopped-at` and `given-up` are the worker's (and Kueue's `suspend`, where it has a queue);
 * the status is the Job controller's; all else is written once, here.
 * @param stopped - when it was asked to stop before it was created: the Job is a record then, and starts nothing
 */
export function jobManifest(
  request: JobRequest,
  settings: KubernetesSettings,
  instance: string,
  stopped: string | null = null,
): Job {
  const { name, parts, parallelism, gang } = request;
  const { queue, deadlineSeconds } = placementOf(settings, request);
  const labels = jobLabels(request, instance);
  const annotations = jobAnnotations(request);
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      namespace: settings.namespace,
      labels: { ...labels, ...(queue === undefined ? {} : { [LABELS.queue]: queue }) },
      annotations: { ...annotations, ...(stopped === null ? {} : { [ANNOTATIONS.stoppedAt]: stopped }) },
    },
    spec: {
      completionMode: 'Indexed',
      completions: parts,
      parallelism,
      ...(gang ? { backoffLimit: 0 } : { backoffLimitPerIndex: 0, maxFailedIndexes: 0 }),
      ...(gang ? { successPolicy: { rules: [{ succeededIndexes: '0' }] } } : {}),
      podReplacementPolicy: 'Failed',
      podFailurePolicy: podFailurePolicy(),
      // What has a queue is suspended by Kueue's webhook where there is one, and begins at once where there is none.
      ...(stopped === null ? {} : { suspend: true }),
      ...(deadlineSeconds === undefined ? {} : { activeDeadlineSeconds: deadlineSeconds }),
      ttlSecondsAfterFinished: settings.limits.keepFinishedSeconds,
      template: {
        metadata: { labels, annotations },
        spec: podSpec(request, settings),
      },
    },
  } as Job;
}
