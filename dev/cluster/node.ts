import { setTimeout as sleep } from 'node:timers/promises';
import { CoreV1Api, type KubeConfig, PatchStrategy, setHeaderOptions, type V1Node } from '@kubernetes/client-node';
import { NODE } from './settings.ts';

/** Simulated GPUs of the real node. The scheduler counts them like real ones, but programs cannot use them. */

export const FAKE_GPUS = 8;

/** Labels of NVIDIA's GPU feature discovery for a machine with eight H100 GPUs, from its documentation. */
export const H100_LABELS: Readonly<Record<string, string>> = {
  'nvidia.com/gpu.present': 'true',
  'nvidia.com/gpu.product': 'NVIDIA-H100-80GB-HBM3',
  'nvidia.com/gpu.family': 'hopper',
  'nvidia.com/gpu.memory': '81559',
  'nvidia.com/gpu.count': String(FAKE_GPUS),
  'nvidia.com/gpu.replicas': '1',
  'nvidia.com/gpu.compute.major': '9',
  'nvidia.com/gpu.compute.minor': '0',
  'nvidia.com/mig.capable': 'true',
};

const isNodeReady = (node: V1Node): boolean =>
  node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

/**
 * Waits until the real node is ready, and adds its GPUs and labels.
 * @throws Error when it is not ready within `timeoutMs`
 */
export async function readyNode(config: KubeConfig, timeoutMs: number): Promise<void> {
  const core = config.makeApiClient(CoreV1Api);
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const node = await core.readNode({ name: NODE }).catch(() => null);
    if (node !== null && isNodeReady(node)) break;
    if (Date.now() > deadline) throw new Error(`node ${NODE} is not ready after ${timeoutMs / 1000} s`);
    await sleep(100);
  }
  const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
  await core.patchNode({ name: NODE, body: { metadata: { labels: H100_LABELS } } }, merge);
  const gpus = { 'nvidia.com/gpu': String(FAKE_GPUS) };
  await core.patchNodeStatus({ name: NODE, body: { status: { capacity: gpus, allocatable: gpus } } }, merge);
}
