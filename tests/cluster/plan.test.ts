import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CoreV1Api, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { inProject, PROJECT } from '../../config/paths.ts';
import { kubeConfigFrom } from '../../dev/cluster/api.ts';
import { addFakeNodes, removeFakeNodes } from '../../dev/cluster/fake-nodes.ts';
import { kubeconfigPath } from '../../dev/cluster/paths.ts';
import type { Qualification } from '../../planner/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('orrery plan --cluster lists the nodes that qualify, and says why each other node does not', async () => {
  const config = kubeConfigFrom(kubeconfigPath());
  const core = config.makeApiClient(CoreV1Api);
  const pool = `plan-${randomBytes(3).toString('hex')}`;
  const labels = { pool };
  const patch = (name: string, body: object) =>
    core.patchNode({ name, body }, setHeaderOptions('Content-Type', PatchStrategy.MergePatch));
  const taints = [{ key: 'kwok.x-k8s.io/node', value: 'fake', effect: 'NoSchedule' }];
  try {
    await addFakeNodes(config, { prefix: `${pool}-good`, count: 3, labels });
    await addFakeNodes(config, {
      prefix: `${pool}-small`,
      count: 2,
      labels: { ...labels, 'nvidia.com/gpu.memory': '40960' },
    });
    await addFakeNodes(config, { prefix: `${pool}-half`, count: 1, labels, gpus: 4 });
    await addFakeNodes(config, { prefix: `${pool}-other`, count: 2, labels });
    await patch(`${pool}-other-0`, { spec: { unschedulable: true } });
    await patch(`${pool}-other-1`, {
      spec: { taints: [...taints, { key: 'team', value: 'other', effect: 'NoSchedule' }] },
    });
    // Somebody else's pod on one of the good nodes.
    const pod = {
      nodeName: `${pool}-good-2`,
      containers: [{ name: 'c', image: 'x', resources: { limits: { 'nvidia.com/gpu': '2' } } }],
    };
    await core.createNamespacedPod({
      namespace: 'default',
      body: { metadata: { name: pool }, spec: { ...pod, tolerations: [{ operator: 'Exists' }] } },
    });

    const settings = join(await temporaryFolder(), 'kubernetes.yaml');
    const tolerations = [{ key: 'kwok.x-k8s.io/node', operator: 'Exists' }];
    await writeFile(
      settings,
      JSON.stringify({ image: 'x', store: { claim: 'x' }, defaults: { nodeSelector: { pool }, tolerations } }),
    );
    await expect
      .poll(async () => (await plan(settings)).cluster.search?.podsNow, { timeout: 20_000, interval: 1000 })
      .toBe(2);

    const { exitCode, cluster } = await plan(settings);
    expect(exitCode).toBe(1);
    expect(cluster.search).toMatchObject({ fits: 'now', podsEver: 4 });
    expect(cluster['astro/rl']).toMatchObject({ fits: 'never', podsNeeded: 32 });
    const refused = new Map(cluster.search?.refused.map(({ why, nodes }) => [why, nodes]));
    expect(refused.get('its GPUs have 40 GiB, but a pod needs 80 GiB')).toEqual([`${pool}-small-0`, `${pool}-small-1`]);
    expect(refused.get('has 4 nvidia.com/gpu, but a pod needs 8 nvidia.com/gpu')).toEqual([`${pool}-half-0`]);
    expect(refused.get('cordoned')).toEqual([`${pool}-other-0`]);
    expect(refused.get('taint team=other:NoSchedule is not tolerated')).toEqual([`${pool}-other-1`]);
    expect(refused.get('6 nvidia.com/gpu free of 8 nvidia.com/gpu: used by other pods')).toEqual([`${pool}-good-2`]);
    expect([...refused.keys()]).toContain(`label pool is missing, expected ${pool}`);
  } finally {
    await core.deleteNamespacedPod({ name: pool, namespace: 'default', gracePeriodSeconds: 0 }).catch(() => undefined);
    await removeFakeNodes(config, pool);
  }
});

async function plan(
  settings: string,
): Promise<{ exitCode: number | undefined; cluster: Record<string, Qualification> }> {
  const args = ['plan', 'examples/llama-3.1-70b.yaml', '--cluster', '--settings', settings, '--json'];
  const { exitCode, stdout } = await execa(process.execPath, [inProject('cli/main.ts'), ...args], {
    cwd: PROJECT,
    reject: false,
    env: { KUBECONFIG: kubeconfigPath() },
  });
  return { exitCode, cluster: (JSON.parse(stdout) as { cluster: Record<string, Qualification> }).cluster };
}
