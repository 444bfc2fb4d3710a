import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { stringify } from 'yaml';
import { inProject } from '../../config/paths.ts';
import type { JobRequest } from '../../executor/index.ts';
import { KNOWN_EXIT_CODES } from '../../k8s/manifests/failure-policy.ts';
import { gangObjects } from '../../k8s/manifests/gang.ts';
import { jobManifest } from '../../k8s/manifests/job.ts';
import { labelValue } from '../../k8s/manifests/labels.ts';
import { FAILURES, type KubernetesSettingsInput } from '../../spec/index.ts';
import { aRequest, settings } from './support.ts';

const EMBEDDED = { runtime: 'python', args: ['-m', 'orrery_trainers.serving.policy_server'] } as const;
const trainer = (kind: 'sft' | 'rl'): Partial<JobRequest> => ({
  name: `tiny-astro-${kind}-aaaaaaaa-3c469e-0`,
  kind,
  stage: `astro/${kind}`,
  arm: 'astro',
  gang: true,
  main: { runtime: 'python', args: ['-m', `orrery_trainers.training.${kind}`] },
});
const H100 = { cpus: 64, memoryGiB: 512, gpus: 8, gpuMemoryGiB: 80 };

/**
 * The manifests kept as files. To write them again:
 * `ORRERY_UPDATE_GOLDEN=1 npx vitest run tests/k8s/manifests.test.ts`.
 */
const GOLDEN: Readonly<Record<string, { request: JobRequest; cluster?: Partial<KubernetesSettingsInput> }>> = {
  'one-cpu-pod': { request: aRequest({ name: 'tiny-prepare-aaaaaaaa-3c469e-0', stage: 'prepare', kind: 'prepare' }) },
  'shards-with-policy-server': {
    request: aRequest({
      parts: 32,
      parallelism: 8,
      policyServer: EMBEDDED,
      resources: { cpus: 8, gpus: 1, memoryGiB: 64 },
      excludedNodes: ['gpu-7', 'gpu-3'],
    }),
    cluster: {
      pullSecrets: ['registry'],
      secretEnv: [{ name: 'HF_TOKEN', secret: 'hugging-face', key: 'token' }],
      volumes: [{ claim: 'weights', mountPath: '/models' }],
      defaults: { queue: 'research', priorityClass: 'campaigns' },
    },
  },
  'gang-with-rdma': {
    request: aRequest({
      ...trainer('rl'),
      parts: 32,
      parallelism: 32,
      resources: H100,
      graceSeconds: 900,
      kubernetes: {
        extendedResources: { 'rdma/hca_shared_devices_a': 8 },
        topology: { key: 'topology.kubernetes.io/rack', mode: 'required' },
        shmGiB: 256,
        deadlineSeconds: 864_000,
      },
    }),
    cluster: {
      serviceAccount: 'orrery-pods',
      user: { fsGroup: 2000 },
      images: { trainers: 'registry.example/trainers:1' },
      env: { NCCL_IB_HCA: 'mlx5' },
      defaults: {
        nodeSelector: { 'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3' },
        tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists', effect: 'NoSchedule' }],
      },
      gangScheduling: 'pod-group',
    },
  },
  'vllm-70b': {
    request: aRequest({
      parts: 8,
      parallelism: 8,
      resources: { cpus: 16, gpus: 8, memoryGiB: 256, gpuMemoryGiB: 80 },
      policyServer: {
        runtime: 'vllm',
        model: '/models/llama-3.1-70b-instruct',
        args: ['--served-model-name', 'llama', '--tensor-parallel-size', '8', '--max-model-len', '16384'],
      },
    }),
    cluster: {
      images: { vllm: 'registry.example/vllm:1' },
      volumes: [{ claim: 'weights', mountPath: '/models' }],
    },
  },
};

describe.each(Object.entries(GOLDEN))('the manifests of %s', (name, { request, cluster }) => {
  const all = settings(cluster);
  const job = jobManifest(request, all, 'thisstore1');
  const { service, podGroup } = gangObjects(request, all, 'thisstore1', 'uid-of-the-job');
  const objects = [job, ...(request.gang ? [service, ...(podGroup === null ? [] : [podGroup.body])] : [])];

  test('equal those of the file', () => {
    const path = inProject('tests/golden/manifests', `${name}.yaml`);
    const text = objects.map((object) => stringify(object, { aliasDuplicateObjects: false })).join('---\n');
    if (process.env.ORRERY_UPDATE_GOLDEN) writeFileSync(path, text);
    expect(text).toBe(readFileSync(path, 'utf8'));
  });

  test('satisfy Pod Security restricted, and make only the named folders writable', () => {
    const pod = job.spec!.template.spec!;
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(pod.automountServiceAccountToken).toBe(false);
    for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
      expect(container.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
    expect(pod.volumes!.filter((one) => !('persistentVolumeClaim' in one || 'emptyDir' in one))).toEqual([]);
  });

  test('mount only existing volumes, each path once', () => {
    const pod = job.spec!.template.spec!;
    const volumes = new Set(pod.volumes!.map((one) => one.name));
    const mounts = pod.containers[0]!.volumeMounts!;
    expect(mounts.filter((mount) => !volumes.has(mount.name))).toEqual([]);
    expect(new Set(mounts.map(({ mountPath }) => mountPath)).size).toBe(mounts.length);
  });
});

const podOf = (request: JobRequest, cluster: Partial<KubernetesSettingsInput> = {}) =>
  jobManifest(request, settings(cluster), 'thisstore1').spec!.template.spec!;

test('one Job is one attempt: Kubernetes restarts neither shards nor ranks', () => {
  const spec = (request: JobRequest) => jobManifest(request, settings(), 'x').spec!;
  expect(spec(aRequest({ parts: 4 }))).toMatchObject({ backoffLimitPerIndex: 0, maxFailedIndexes: 0, completions: 4 });
  expect(spec(aRequest({ ...trainer('sft'), parts: 4 }))).toMatchObject({
    backoffLimit: 0,
    successPolicy: { rules: [{ succeededIndexes: '0' }] },
  });
});

test('the failure policy names every exit code of the failure table', () => {
  const reported = Object.values(FAILURES).flatMap(({ exitCode }) => exitCode ?? []);
  expect(KNOWN_EXIT_CODES).toEqual(expect.arrayContaining(reported));
});

test('a policy server has the GPUs, and the pod has no more CPUs and memory than the stage requests', () => {
  const pod = podOf(
    aRequest({ policyServer: EMBEDDED, resources: { cpus: 8, gpus: 2, memoryGiB: 10, gpuMemoryGiB: undefined } }),
  );
  const [server, main] = [pod.initContainers![0]!.resources!, pod.containers[0]!.resources!];
  expect(server.limits).toMatchObject({ 'nvidia.com/gpu': '2' });
  expect(main.limits).not.toHaveProperty('nvidia.com/gpu');
  const sum = (of: (resources: typeof main) => string | undefined) =>
    Number.parseInt(of(server)!, 10) + Number.parseInt(of(main)!, 10);
  expect(sum(({ requests }) => requests!.cpu)).toBe(8000);
  expect(sum(({ limits }) => limits!.memory)).toBe(10 * 1024);
});

test('settings of a stage override the defaults of the cluster; labels and tolerations of both apply', () => {
  const cluster = { nodeSelector: { pool: 'gpu' }, priorityClass: 'low', tolerations: [{ key: 'a' }] };
  const kubernetes = { nodeSelector: { rack: '7' }, priorityClass: 'high', tolerations: [{ key: 'b' }] };
  const pod = podOf(aRequest({ kubernetes }), { defaults: cluster });
  expect(pod).toMatchObject({ nodeSelector: { pool: 'gpu', rack: '7' }, priorityClassName: 'high' });
  expect(pod.tolerations!.slice(0, 2)).toEqual([{ key: 'a' }, { key: 'b' }]);
});

test('a job that was asked to stop before it was created starts nothing', () => {
  const job = jobManifest(aRequest(), settings(), 'x', '2026-01-01T00:00:00.000Z');
  expect(job.spec!.suspend).toBe(true);
  expect(job.metadata!.annotations).toMatchObject({ 'orrery.dev/stopped-at': '2026-01-01T00:00:00.000Z' });
});

it.each([
  ['astro/sft', 'astro.sft'],
  ['My campaign_7.', 'My-campaign_7'],
  ['-'.repeat(70), ''],
  [`${'x'.repeat(62)}-y`, 'x'.repeat(62)],
])('the label of %j is %j', (text, want) => expect(labelValue(text)).toBe(want));
