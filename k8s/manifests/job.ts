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
 * - Shards: an Indexed Job that runs as many pods at a time as the stage allows. No pod is started twice. A failed pod
 *   ends the Job, so that the next attempt starts soon. Finished pods keep their parts; the others save on SIGTERM.
 * - A gang: all ranks run at once, and the Job has succeeded when rank 0 has.
 *
 * Owners of fields: the worker owns `suspend` and the annotations `stopped-at` and `given-up` (with a queue, Kueue owns
 * `suspend` too). The Job controller owns the status. All other fields are written once, here.
 * @param stopped - time of a request to stop that came before the Job was created. The Job is then only a record and
 *   starts nothing
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
      // A Job with a queue is suspended by Kueue's webhook. In a cluster without Kueue it starts at once.
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
