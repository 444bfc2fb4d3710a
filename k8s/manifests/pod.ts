import type { V1EnvVar, V1PodSpec, V1Volume } from '@kubernetes/client-node';
import type { JobRequest } from '../../executor/index.ts';
import { type KubernetesSettings, POD_ENV } from '../../spec/index.ts';
import { container, named, SCRATCH, volumeName } from './container.ts';
import { ANNOTATIONS, MAIN, MASTER_PORT, POLICY_PORT } from './labels.ts';
import { affinityOf, placementOf, tolerationsOf } from './placement.ts';
import { policyServerContainer } from './policy-server.ts';
import { mainResources } from './resources.ts';

/** The pods of a job. Pure. */
export function podSpec(request: JobRequest, settings: KubernetesSettings): V1PodSpec {
  const placement = placementOf(settings, request);
  const affinity = affinityOf(request, settings);
  const { uid, gid, fsGroup } = settings.user;
  const main = container(MAIN, request.main, request, settings, {
    env: [...mainEnvironment(request), ...named(request.env)],
    resources: mainResources(request, settings),
  });
  return {
    restartPolicy: 'Never',
    terminationGracePeriodSeconds: request.graceSeconds,
    ...(request.gang ? { subdomain: request.name } : {}),
    ...(request.gang && request.parts > 1 && settings.gangScheduling === 'pod-group'
      ? { schedulingGroup: { podGroupName: request.name } }
      : {}),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    // Process 1 ignores signals that it has no handler for, so SIGTERM during start-up would be lost. A shared PID
    // namespace gives programs another number.
    shareProcessNamespace: true,
    ...(settings.serviceAccount === undefined ? {} : { serviceAccountName: settings.serviceAccount }),
    ...(settings.pullSecrets.length === 0 ? {} : { imagePullSecrets: settings.pullSecrets.map((name) => ({ name })) }),
    securityContext: {
      runAsNonRoot: true,
      runAsUser: uid,
      runAsGroup: gid,
      seccompProfile: { type: 'RuntimeDefault' },
      // Otherwise the kubelet changes the owner of every file of the volume at every start.
      ...(fsGroup === undefined ? {} : { fsGroup, fsGroupChangePolicy: 'OnRootMismatch' }),
    },
    ...(placement.priorityClass === undefined ? {} : { priorityClassName: placement.priorityClass }),
    ...(Object.keys(placement.nodeSelector ?? {}).length === 0 ? {} : { nodeSelector: placement.nodeSelector }),
    tolerations: tolerationsOf(placement, settings.limits.nodeLostSeconds),
    ...(affinity === undefined ? {} : { affinity }),
    ...(request.policyServer === null
      ? {}
      : { initContainers: [policyServerContainer(request.policyServer, request, settings)] }),
    containers: [main],
    volumes: volumes(request, settings),
  };
}

function mainEnvironment(request: JobRequest): V1EnvVar[] {
  return [
    ...(request.policyServer === null ? [] : named({ [POD_ENV.policyUrl]: `http://127.0.0.1:${POLICY_PORT}` })),
    ...(request.gang ? gangEnvironment(request) : []),
  ];
}

/**
 * Variables of `torch.distributed`. A gang of one has no local rank, because libraries would set up communication with
 * nobody.
 */
function gangEnvironment({ name, parts }: JobRequest): V1EnvVar[] {
  return [
    { name: 'RANK', valueFrom: { fieldRef: { fieldPath: `metadata.annotations['${ANNOTATIONS.index}']` } } },
    ...named({ WORLD_SIZE: String(parts), MASTER_ADDR: `${name}-0.${name}`, MASTER_PORT: String(MASTER_PORT) }),
    ...(parts > 1 ? named({ LOCAL_RANK: '0', LOCAL_WORLD_SIZE: '1' }) : []),
  ];
}

function volumes(request: JobRequest, settings: KubernetesSettings): V1Volume[] {
  const { store } = settings;
  const others = [...new Set(settings.volumes.map(({ claim }) => claim))].filter((claim) => claim !== store.claim);
  const shmGiB = placementOf(settings, request).shmGiB ?? (request.resources.gpus > 0 ? 8 : 1);
  return [
    { name: 'store', persistentVolumeClaim: { claimName: store.claim } },
    ...others.map((claim) => ({ name: volumeName(claim, store.claim), persistentVolumeClaim: { claimName: claim } })),
    ...Object.keys(SCRATCH).map((name) => ({ name, emptyDir: {} })),
    { name: 'shm', emptyDir: { medium: 'Memory', sizeLimit: `${Math.round(shmGiB * 1024)}Mi` } },
  ];
}
