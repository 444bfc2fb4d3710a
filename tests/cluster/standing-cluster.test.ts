import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { CoreV1Api } from '@kubernetes/client-node';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { ensureStageImage } from '../../dev/cluster/import-image.ts';
import { prepareNamespace } from '../../dev/cluster/namespace.ts';
import { CLAIMS } from '../../dev/cluster/volumes.ts';
import { eventually } from '../support/cluster/job-story.ts';
import { SECURITY } from '../support/cluster/recorded-job.ts';
import { type TestNamespace, testNamespace } from '../support/cluster/test-namespace.ts';

/** How `cluster:up`, tests and benchmarks handle a cluster that runs already, in the state that others left. */

test('a namespace gets another store only while no running pod uses the old one; otherwise the error names the pods', {
  timeout: 120_000,
}, async () => {
  await using namespace = await testNamespace('moved');
  const { name, admin, folder } = namespace;
  const moveTo = (store: string) => prepareNamespace(admin, { namespace: name, store: join(folder, store) });
  const path = async () => {
    const { spec } = await admin.makeApiClient(CoreV1Api).readPersistentVolume({ name: `${name}-${CLAIMS.store}` });
    return spec?.local?.path;
  };

  await moveTo('second');
  expect(await path()).toBe(join(folder, 'second'));

  await startPod(namespace, 'ends', ['/bin/true'], 'Succeeded');
  await moveTo('third');
  expect(await path()).toBe(join(folder, 'third'));

  await startPod(namespace, 'works', ['/bin/sleep', '60'], 'Running');
  await expect(moveTo('fourth')).rejects.toThrow(
    /third, but .*fourth was requested; 1 pods use it: works\n.*ORRERY_STORE/,
  );
  expect(await path()).toBe(join(folder, 'third'));
});

test('a test removes what a killed test has left: namespace, volumes, fake nodes, folder', {
  timeout: 120_000,
}, async () => {
  const program = `
    const { testNamespace } = await import('${inProject('tests/support/cluster/test-namespace.ts')}');
    const { addFakeNodes } = await import('${inProject('dev/cluster/fake-nodes.ts')}');
    const { POOL } = await import('${inProject('tests/support/cluster/abandoned.ts')}');
    const { name, admin, folder } = await testNamespace('killed');
    await addFakeNodes(admin, { prefix: name, count: 2, labels: { [POOL]: name } });
    process.stdout.write(JSON.stringify({ name, folder }), () => process.kill(process.pid, 'SIGKILL'));`;
  const killed = await execa(process.execPath, ['--input-type=module', '-e', program], { reject: false });
  expect(killed.signal).toBe('SIGKILL');
  const { name, folder } = JSON.parse(killed.stdout) as { name: string; folder: string };
  expect(existsSync(folder)).toBe(true);

  await using next = await testNamespace('next');
  const core = next.admin.makeApiClient(CoreV1Api);
  expect(existsSync(folder)).toBe(false);
  await eventually('nothing of it is left', async () => {
    const [namespaces, volumes, nodes] = await Promise.all([
      core.listNamespace(),
      core.listPersistentVolume(),
      core.listNode(),
    ]);
    const names = [namespaces, volumes, nodes].flatMap(({ items }) =>
      items.map(({ metadata }) => metadata?.name ?? ''),
    );
    return !names.some((one) => one.startsWith(name));
  });
});

async function startPod(
  { admin, name: namespace }: TestNamespace,
  name: string,
  command: string[],
  phase: string,
): Promise<void> {
  const core = admin.makeApiClient(CoreV1Api);
  const image = await ensureStageImage();
  await core.createNamespacedPod({
    namespace,
    body: {
      metadata: { name },
      spec: {
        restartPolicy: 'Never',
        securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: 'RuntimeDefault' } },
        containers: [
          { name: 'c', image, command, securityContext: SECURITY, volumeMounts: [{ name: 's', mountPath: '/store' }] },
        ],
        volumes: [{ name: 's', persistentVolumeClaim: { claimName: CLAIMS.store } }],
      },
    },
  });
  await eventually(`${name} is ${phase}`, async () => {
    const { status } = await core.readNamespacedPod({ name, namespace });
    return status?.phase === phase;
  });
}
