import type { JobRequest } from '../../executor/index.ts';
import { ANNOTATIONS, LABELS, labelValue, MANAGED_BY } from './labels.ts';

/** Labels of all objects of one job. @param instance - id of the store, see store/instance.ts */
export const jobLabels = (request: JobRequest, instance: string): Record<string, string> => ({
  [LABELS.managedBy]: MANAGED_BY,
  [LABELS.instance]: instance,
  [LABELS.campaign]: labelValue(request.campaign),
  [LABELS.stage]: labelValue(request.stage),
  [LABELS.kind]: request.kind,
  [LABELS.attempt]: String(request.attempt),
  [LABELS.key]: request.key.slice(0, 16),
});

/** The fields of the request that readers of the Job need. */
export const jobAnnotations = (request: JobRequest): Record<string, string> => ({
  [ANNOTATIONS.campaign]: request.campaign,
  [ANNOTATIONS.stage]: request.stage,
  [ANNOTATIONS.key]: request.key,
  ...(request.arm === null ? {} : { [ANNOTATIONS.arm]: request.arm }),
  [ANNOTATIONS.ownerRun]: request.ownerRun,
  [ANNOTATIONS.parts]: String(request.parts),
  [ANNOTATIONS.shape]: request.gang ? 'gang' : 'shards',
  [ANNOTATIONS.grace]: String(request.graceSeconds),
});
