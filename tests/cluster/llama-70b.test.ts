import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BatchV1Api, CoreV1Api } from '@kubernetes/client-node';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { inProject, PROJECT } from '../../config/paths.ts';
import { objectsIn } from '../../dev/cluster/api.ts';
import { kubeconfigPath } from '../../dev/cluster/paths.ts';
import { ARCHITECTURES, type Architecture, planOf } from '../../planner/index.ts';
import { CampaignSpec, type CampaignSpecInput, type CampaignStatus } from '../../spec/index.ts';
import { readManifest, stageDir } from '../../store/index.ts';
import { type FakeCluster, openFakeCluster } from '../support/fake-cluster.ts';
import { type SimulatedPods, simulatePods } from '../support/simulated-pods.ts';

/**
 * examples/llama-3.1-70b.yaml on 64 fake nodes with eight H100 each. Its stages are real Jobs of a real cluster. Its
 * pods run nothing: a simulation acts as their programs, and a day takes a second.
 */
const NODES = 64;
const EXAMPLE = 'examples/llama-3.1-70b.yaml';
const SECONDS_A_DAY = 1;
const LEAST_SECONDS = 0.3;

let cluster: FakeCluster;
let pods: SimulatedPods;

beforeAll(async () => {
  cluster = await openFakeCluster(kubeconfigPath(), 'llama');
});

afterAll(async () => {
  await pods?.stop();
  await cluster.close();
});

/** The example, with problem files that exist. */
function campaign(): CampaignSpecInput {
  const spec = parse(readFileSync(inProject(EXAMPLE), 'utf8')) as CampaignSpecInput;
  if (spec.data.type !== 'files') throw new Error('expected problem files');
  const folder = join(cluster.store, 'inputs');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'problems.jsonl');
  writeFileSync(path, '{"problem": "1 + 1", "answer": "2"}\n');
  const there = (files: readonly { readonly name: string }[] = []) => files.map(({ name }) => ({ name, path }));
  const data = { ...spec.data, search: there(spec.data.search), benchmarks: there(spec.data.benchmarks) };
  const { stages = {} } = spec;
  // A stage without free nodes checks again soon, so the test does not only wait.
  const soon = { Unschedulable: { backoffSeconds: { initial: 1, max: 1 } } };
  return { ...spec, data, stages: { ...stages, prepare: { run: { failures: soon } } } };
}

test('every object that orrery render prints is accepted by the API server', async () => {
  const settings = join(cluster.store, '..', 'kubernetes.yaml');
  writeFileSync(settings, JSON.stringify(cluster.settings));
  const { stdout } = await execa(
    process.execPath,
    [inProject('cli/main.ts'), 'render', EXAMPLE, '--settings', settings],
    { cwd: PROJECT },
  );
  const objects = objectsIn(stdout);
  expect(objects.filter(({ kind }) => kind === 'Job')).toHaveLength(18);
  expect(objects.filter(({ kind }) => kind === 'Service')).toHaveLength(4);
  const batch = cluster.config.makeApiClient(BatchV1Api);
  const core = cluster.config.makeApiClient(CoreV1Api);
  const dry = { namespace: cluster.namespace, dryRun: 'All', fieldValidation: 'Strict' } as const;
  for (const body of objects) {
    if (body.kind === 'Job') await batch.createNamespacedJob({ ...dry, body });
    else await core.createNamespacedService({ ...dry, body });
  }
});

test('the campaign says why it cannot start, starts when the nodes exist, and completes with 512 GPUs in use at once', async () => {
  const architecture = ARCHITECTURES['Llama-3.1-70B'] as Architecture;
  const spec = campaign();
  const plan = planOf(CampaignSpec.parse(spec), architecture);
  const seconds = new Map(plan.stages.map(({ name, wallSeconds }) => [name, (wallSeconds ?? 0) / 86_400]));
  pods = await simulatePods({
    config: cluster.config,
    namespace: cluster.namespace,
    store: cluster.store,
    secondsOf: (stage) => Math.max(LEAST_SECONDS, SECONDS_A_DAY * (seconds.get(stage) ?? 0)),
  });
  const worker = await cluster.startWorker();
  try {
    const handle = await cluster.client.workflow.start('campaign', {
      taskQueue: 'orrery',
      workflowId: 'llama',
      args: [spec],
    });
    const status = () => handle.query<CampaignStatus>('status');
    await expect
      .poll(async () => (await status()).stages[0]?.incidents[0], { timeout: 60_000, interval: 500 })
      .toMatchObject({
        class: 'Unschedulable',
        message: expect.stringContaining('needs capacity for 1 pods of 1 cores'),
      });

    await cluster.addNodes(NODES);
    await handle.signal('approve', {});
    await handle.result();

    const { stages, phase } = await status();
    expect(phase).toBe('completed');
    for (const { name, kind, key } of stages) {
      const planned = plan.stages.find((stage) => stage.name === name);
      const manifest = await readManifest(stageDir(cluster.store, key ?? ''));
      expect(manifest, name).toMatchObject({ kind, parts: planned?.trainer ? 1 : planned?.pods });
    }
    // RL of both arms at the same time uses every GPU of the 64 nodes.
    expect(plan.mostGpus).toBe(NODES * 8);
    expect(pods.gpus()).toEqual({ now: 0, most: NODES * 8 });
    for (const arm of ['astro', 'direct']) expect(pods.nodesOf.get(`${arm}/rl`)?.size).toBe(32);
    const left = await cluster.config.makeApiClient(CoreV1Api).listNamespacedPod({
      namespace: cluster.namespace,
      fieldSelector: 'status.phase=Running',
    });
    expect(left.items).toEqual([]);
  } finally {
    await worker.stop();
  }
}, 180_000);
