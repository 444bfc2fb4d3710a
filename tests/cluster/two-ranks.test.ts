import { BatchV1Api, CoreV1Api, type V1Job, type V1Service } from '@kubernetes/client-node';
import { expect, test } from 'vitest';
import { stageImage } from '../../dev/cluster/images.ts';
import { workerSettings } from '../../dev/cluster/worker-settings.ts';
import type { JobRequest } from '../../executor/index.ts';
import { jobManifest } from '../../k8s/manifests/job.ts';
import { gangService } from '../../k8s/manifests/service.ts';
import { KubernetesSettings } from '../../spec/index.ts';
import { eventually } from '../support/cluster/job-story.ts';
import { testNamespace } from '../support/cluster/test-namespace.ts';

/** Each rank contributes its number plus one, and each must get the sum. */
const ALL_REDUCE = `
import torch, torch.distributed as dist
dist.init_process_group("gloo")
number = torch.tensor([dist.get_rank() + 1.0])
dist.all_reduce(number)
print(f"rank {dist.get_rank()} of {dist.get_world_size()}: {number.item()}", flush=True)
dist.barrier()
`;

test('two ranks of a gang find each other by the name of their Service, and add their numbers with torch.distributed', {
  timeout: 240_000,
}, async () => {
  await using namespace = await testNamespace('ranks');
  const settings = KubernetesSettings.parse(workerSettings(namespace.name, (await stageImage()).name));
  const request: JobRequest = {
    name: 'ranks',
    campaign: 'ranks',
    stage: 'sft',
    kind: 'sft',
    arm: null,
    key: 'f'.repeat(64),
    attempt: 0,
    ownerRun: 'none',
    parts: 2,
    parallelism: 2,
    gang: true,
    policyServer: null,
    excludedNodes: [],
    env: {},
    main: { runtime: 'python', args: ['-c', ALL_REDUCE] },
    resources: { cpus: 0.1, gpus: 4, memoryGiB: 1.5 },
    graceSeconds: 5,
  };
  const [batch, core] = [namespace.admin.makeApiClient(BatchV1Api), namespace.admin.makeApiClient(CoreV1Api)];
  const body = jobManifest(request, settings, 'ranks') as unknown as V1Job;
  const made = await batch.createNamespacedJob({ namespace: namespace.name, body });
  const service = gangService(request, 'ranks', made.metadata?.uid ?? '') as unknown as V1Service;
  await core.createNamespacedService({ namespace: namespace.name, body: service });

  const conditions = async () =>
    (await batch.readNamespacedJob({ name: 'ranks', namespace: namespace.name })).status?.conditions ?? [];
  await eventually(
    'the Job has ended',
    async () => (await conditions()).some(({ type }) => ['Complete', 'Failed'].includes(type)),
    200_000,
  );
  const { items: pods } = await core.listNamespacedPod({ namespace: namespace.name });
  const said = await Promise.all(
    pods.map(({ metadata }) => core.readNamespacedPodLog({ name: metadata?.name ?? '', namespace: namespace.name })),
  );
  expect(said.join('')).toMatch(/rank 0 of 2: 3\.0/);
  expect((await conditions()).map(({ type }) => type)).toContain('Complete');
});
