import type { V1Container, V1Job, V1JobSpec, V1PodSpec } from '@kubernetes/client-node';
import { NAMESPACE } from '../../../dev/cluster/namespace.ts';
import { workerSettings } from '../../../dev/cluster/worker-settings.ts';
import type { JobRequest } from '../../../executor/index.ts';
import { jobManifest } from '../../../k8s/manifests/job.ts';
import { KubernetesSettings } from '../../../spec/index.ts';

/**
 * Jobs as the executor makes them, with a shell in the place of a stage's program, and what a test changes about them.
 */
export interface RecordedJob {
  readonly name: string;
  readonly namespace?: string;
  readonly image: string;
  readonly script?: string;
  readonly parts?: number;
  readonly gang?: boolean;
  readonly gpus?: number;
  readonly container?: Partial<V1Container>;
  readonly pod?: Partial<V1PodSpec>;
  readonly job?: Partial<V1JobSpec>;
}

/** As Pod Security `restricted` wants it. */
export const SECURITY = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

const GRACE_SECONDS = 3;

export function recordedJob(given: RecordedJob): V1Job {
  const { namespace = NAMESPACE, image, container, pod, job } = given;
  const settings = KubernetesSettings.parse({
    ...workerSettings(namespace, image),
    programs: { root: '/', node: '/bin/sh' },
  });
  const manifest = jobManifest(requestOf(given), settings, 'recorded') as unknown as V1Job;
  const spec = manifest.spec as V1JobSpec;
  const podSpec = spec.template.spec as V1PodSpec;
  const [main] = podSpec.containers as [V1Container];
  const volumeMounts = [...(main.volumeMounts ?? []), ...(container?.volumeMounts ?? [])];
  const volumes = [...(podSpec.volumes ?? []), ...(pod?.volumes ?? [])];
  Object.assign(podSpec, { ...pod, volumes, containers: [{ ...main, ...container, volumeMounts }] });
  Object.assign(spec, job);
  return manifest;
}

const requestOf = ({ name, script = 'exit 0', parts = 1, gang = false, gpus = 0 }: RecordedJob): JobRequest => ({
  name,
  campaign: 'recorded',
  stage: name,
  kind: gang ? 'sft' : 'search',
  arm: null,
  key: 'c0ffee'.repeat(11).slice(0, 64),
  attempt: 0,
  ownerRun: 'recorded-run',
  parts,
  parallelism: parts,
  gang,
  policyServer: null,
  main: { runtime: 'node', args: ['-c', script] },
  resources: { cpus: 0.05, gpus, memoryGiB: 0.25 },
  excludedNodes: [],
  env: {},
  graceSeconds: GRACE_SECONDS,
});
