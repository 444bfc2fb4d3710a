import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BatchV1Api, CoreV1Api, KubernetesObjectApi, loadAllYaml, type V1Pod } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inProject } from '../../config/paths.ts';
import { ensureStageImage } from '../../dev/cluster/import-image.ts';
import { workerSettings } from '../../dev/cluster/worker-settings.ts';
import type { JobObservation, JobRequest, Program } from '../../executor/index.ts';
import { createKubernetesExecutor, type KubernetesExecutor, kubernetesOutcome } from '../../k8s/index.ts';
import { KubernetesSettings, type Outcome } from '../../spec/index.ts';
import { logPath, stageDir } from '../../store/index.ts';
import { aRequest } from '../k8s/support.ts';
import { eventually } from '../support/cluster/job-story.ts';
import { killMain } from '../support/cluster/pod-processes.ts';
import { type TestNamespace, testNamespace } from '../support/cluster/test-namespace.ts';

/** The executor by itself on real pods, as the worker's ServiceAccount. */

let namespace: TestNamespace;
let settings: KubernetesSettings;
const open: KubernetesExecutor[] = [];
const told: string[] = [];
const log = { info: () => {}, warn: (_: object, message: string) => void told.push(message) };

beforeAll(async () => {
  namespace = await testNamespace('executor');
  const image = await ensureStageImage();
  settings = KubernetesSettings.parse(workerSettings(namespace.name, image));
  process.env.KUBECONFIG = namespace.workerKubeconfig;
  process.umask(0o002);
});
afterAll(async () => {
  for (const executor of open) executor[Symbol.dispose]();
  await namespace[Symbol.asyncDispose]();
});

/** An executor of another worker: the two share only the cluster and the store. */
function anExecutor(): KubernetesExecutor {
  const executor = createKubernetesExecutor({ settings, store: namespace.store, log });
  open.push(executor);
  return executor;
}

const doing = (...act: string[]): Program => ({ runtime: 'node', args: ['tests/local/programs/main.mjs', ...act] });
const running = (code: string): Program => ({ runtime: 'node', args: ['-e', code] });
let made = 0;
/** A job with a key of its own, so that its logs are not mixed up with those of others. */
function aJob(changes: Partial<JobRequest>): JobRequest {
  made += 1;
  const key = made.toString(16).padStart(64, '0');
  const name = `test-${made}-${Date.now().toString(36)}`;
  return aRequest({ name, key, graceSeconds: 10, resources: { cpus: 0.05, gpus: 0 }, ...changes });
}
const notes = (): string[] => {
  const path = join(namespace.store, 'notes.txt');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
};

async function ended(executor: KubernetesExecutor, name: string): Promise<{ last: JobObservation; outcome: Outcome }> {
  let last: JobObservation | null = null;
  for await (const seen of executor.watch(name, AbortSignal.timeout(60_000))) last = seen;
  if (last === null) throw new Error(`no Job ${name}`);
  return { last, outcome: kubernetesOutcome(last, 0) };
}
const begun = (note: string): Promise<void> => eventually(note, async () => notes().includes(note), 30_000);
const podsOf = async (job: string) => {
  const labelSelector = `batch.kubernetes.io/job-name=${job}`;
  return (
    await namespace.admin.makeApiClient(CoreV1Api).listNamespacedPod({ namespace: namespace.name, labelSelector })
  ).items;
};

test('two workers that submit the same job start one, and both see it end', async () => {
  const request = aJob({ main: doing('exit', '0') });
  const [one, other] = [anExecutor(), anExecutor()];
  await Promise.all([one.submit(request), other.submit(request), one.submit(request)]);
  const outcomes = await Promise.all([ended(one, request.name), ended(other, request.name)]);
  expect(outcomes.map(({ outcome }) => outcome.kind)).toEqual(['completed', 'completed']);
  expect(await podsOf(request.name)).toHaveLength(1);
});

test('a shard that fails ends the job: the other shards save, and its last output is kept', async () => {
  const code = `if (process.env.JOB_COMPLETION_INDEX === '1') { console.error('the loss is NaN'); process.exit(70); }
    process.on('SIGTERM', () => process.exit(143)); setInterval(() => {}, 1000);`;
  const request = aJob({ main: running(code), parts: 3, parallelism: 3 });
  const executor = anExecutor();
  await executor.submit(request);
  const { last, outcome } = await ended(executor, request.name);
  expect(outcome).toMatchObject({ failure: { class: 'Diverged', message: 'the loss is NaN', part: 1, exitCode: 70 } });
  expect(last.pods.map(({ exitCode }) => exitCode).filter((code) => code === 143).length).toBeGreaterThanOrEqual(1);
  expect(readFileSync(logPath(stageDir(namespace.store, request.key), 0, 1, 'main'), 'utf8')).toContain(
    'the loss is NaN',
  );
  expect(await executor.logs(request.name, { maxLines: 5, maxBytes: 1000 })).toContain('the loss is NaN');
});

test('the ranks of a gang connect to rank 0 by its name, and the job ends when rank 0 ends', async () => {
  const code = `const net = require('node:net'); const { RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT } = process.env;
    if (RANK === '0') net.createServer((one) => one.end(WORLD_SIZE, () => process.exit(0))).listen(Number(MASTER_PORT));
    else setInterval(() => net.connect(Number(MASTER_PORT), MASTER_ADDR).on('error', () => {}), 200);`;
  const request = aJob({ main: running(code), parts: 2, parallelism: 2, gang: true, kind: 'sft', graceSeconds: 1 });
  const executor = anExecutor();
  await executor.submit(request);
  expect((await ended(executor, request.name)).outcome).toEqual({ kind: 'completed' });
});

describe('a job whose parts are published', () => {
  /** Publishes its part, as programs do, then runs `then`. */
  const publishing = (then: string): Program =>
    running(`const fs = require('node:fs'); const path = require('node:path');
      const { ORRERY_STAGE_FILE, JOB_COMPLETION_INDEX, ORRERY_ATTEMPT } = process.env;
      const parts = path.join(path.dirname(ORRERY_STAGE_FILE), 'parts');
      const [part, attempt] = [Number(JOB_COMPLETION_INDEX), Number(ORRERY_ATTEMPT)];
      fs.mkdirSync(parts, { recursive: true });
      const manifest = { part, attempt, files: [], counts: {}, finishedAt: new Date().toISOString() };
      const file = path.join(parts, String(part).padStart(5, '0') + '.json');
      fs.writeFileSync(file + '.tmp', JSON.stringify(manifest));
      fs.renameSync(file + '.tmp', file);
      ${then}`);

  test('ends before the kubelet reports the end of its pods, and leaves no process running', async () => {
    const request = aJob({ main: publishing('process.exit(0);'), parts: 2, parallelism: 2 });
    const executor = anExecutor();
    await executor.submit(request);
    const { last, outcome } = await ended(executor, request.name);
    expect(outcome).toEqual({ kind: 'completed' });
    const finishedAt = Math.max(...last.pods.map((pod) => Date.parse(pod.finishedAt ?? '')));
    // On a calm machine, the kubelet and the Job controller need three seconds.
    expect(Date.now() - finishedAt).toBeLessThan(1500);
    await eventually('the Job is complete', async () => (await executor.observe(request.name))?.phase === 'succeeded');
    expect(await executor.logs(request.name, { maxLines: 5, maxBytes: 1000 })).toBe('');
  });

  test('is a success, whatever its program does afterwards', async () => {
    const request = aJob({ main: publishing('setTimeout(() => process.exit(134), 500);') });
    const executor = anExecutor();
    await executor.submit(request);
    expect((await ended(executor, request.name)).outcome).toEqual({ kind: 'completed' });
    await eventually('its pod has failed', async () => (await executor.observe(request.name))?.phase === 'failed');
    // A worker that starts later reports the same.
    expect((await ended(anExecutor(), request.name)).outcome).toEqual({ kind: 'completed' });
  });
});

describe('a job that is asked to stop', () => {
  test('saves, leaves no pod, and never starts again', async () => {
    const request = aJob({ main: doing('save') });
    const executor = anExecutor();
    await executor.submit(request);
    await begun('begin 0');
    await Promise.all([executor.suspend(request.name), anExecutor().suspend(request.name)]);
    expect(notes()).toContain('saved 0');
    const left = (await podsOf(request.name)).filter(
      ({ status }) => !['Succeeded', 'Failed'].includes(status?.phase ?? ''),
    );
    expect(left).toEqual([]);
    expect((await ended(executor, request.name)).outcome).toEqual({ kind: 'stopped' });
    await executor.submit(request);
    expect(await executor.observe(request.name)).toMatchObject({ phase: 'stopped' });
  });

  test('never starts if it is asked before it is submitted', async () => {
    const request = aJob({
      main: running(`require('node:fs').appendFileSync(process.env.ORRERY_STORE + '/notes.txt', 'never\\n')`),
    });
    const executor = anExecutor();
    await executor.suspend(request.name);
    await executor.submit(request);
    expect((await ended(executor, request.name)).outcome).toEqual({ kind: 'stopped' });
    await sleep(2000);
    expect(notes()).not.toContain('never');
  });

  test('and to be deleted leaves no Job, pod or Service', async () => {
    const request = aJob({ main: doing('stubborn'), gang: true, parts: 1, kind: 'sft', graceSeconds: 2 });
    const executor = anExecutor();
    await executor.submit(request);
    await eventually('it runs', async () => (await executor.observe(request.name))?.phase === 'running', 30_000);
    await executor.stop(request.name);
    expect(await executor.observe(request.name)).toBeNull();
    expect(await podsOf(request.name)).toEqual([]);
    const services = namespace.admin.makeApiClient(CoreV1Api);
    await eventually(
      'the Service is gone',
      async () =>
        (await services.listNamespacedService({ namespace: namespace.name })).items.every(
          ({ metadata }) => metadata?.name !== request.name,
        ),
      20_000,
    );
  });
});

test('a Job that somebody else deletes has failed, and the failure says so', async () => {
  const request = aJob({ main: doing('stay') });
  const executor = anExecutor();
  await executor.submit(request);
  const ending = ended(executor, request.name);
  await eventually('it runs', async () => (await executor.observe(request.name))?.phase === 'running', 30_000);
  const batch = namespace.admin.makeApiClient(BatchV1Api);
  await batch.deleteNamespacedJob({
    namespace: namespace.name,
    name: request.name,
    propagationPolicy: 'Background',
    gracePeriodSeconds: 0,
  });
  expect((await ending).outcome).toMatchObject({
    failure: { class: 'Crashed', message: expect.stringContaining('somebody else has removed Job') },
  });
});

describe('a pod whose program ignores SIGTERM', () => {
  /** Starts such a pod, runs `act` on it, and returns the outcome. */
  async function afterwards(act: (pod: V1Pod) => Promise<unknown>): Promise<Outcome> {
    const code = `process.on('SIGTERM', () => {}); console.log('it runs'); setInterval(() => {}, 1000);`;
    const request = aJob({ main: running(code), graceSeconds: 2 });
    const executor = anExecutor();
    await executor.submit(request);
    const ending = ended(executor, request.name);
    const hasBegun = async () => logOf(await podsOf(request.name)).then((text) => text.includes('it runs'));
    await eventually('it runs', hasBegun, 30_000);
    await act((await podsOf(request.name))[0] as V1Pod);
    return (await ending).outcome;
  }
  const core = () => namespace.admin.makeApiClient(CoreV1Api);
  const deleted = (grace: object) => (pod: V1Pod) =>
    core().deleteNamespacedPod({ name: pod.metadata?.name ?? '', namespace: namespace.name, ...grace });
  const logOf = async ([pod]: readonly V1Pod[]): Promise<string> =>
    pod === undefined
      ? ''
      : core()
          .readNamespacedPodLog({ name: pod.metadata?.name ?? '', namespace: namespace.name })
          .catch(() => '');

  test.each([
    { name: 'with a grace', act: deleted({}) },
    { name: 'without one', act: deleted({ gracePeriodSeconds: 0 }) },
  ])('is preempted where somebody deletes it $name, although it ends with 137', async ({ act }) => {
    expect(await afterwards(act)).toMatchObject({ failure: { class: 'Preempted', exitCode: 137 } });
  });

  test('has crashed if somebody kills its program on the node', async () => {
    expect(await afterwards(killMain)).toMatchObject({ failure: { class: 'Crashed', exitCode: 137 } });
  });
});

test('a manifest that the API server refuses is invalid input, and the failure quotes the server', async () => {
  const request = aJob({ main: doing('exit', '0'), kubernetes: { nodeSelector: { 'not a label!': 'x' } } });
  await expect(anExecutor().submit(request)).rejects.toThrow(/stages\.search\.run: create Job .*not a label!/s);
});

test('the golden manifests are accepted by the API server', async () => {
  const api = KubernetesObjectApi.makeApiClient(namespace.admin);
  const folder = inProject('tests/golden/manifests');
  for (const file of readdirSync(folder)) {
    for (const object of loadAllYaml(readFileSync(join(folder, file), 'utf8'))) {
      const moved = {
        ...object,
        metadata: { ...object.metadata, namespace: namespace.name, name: object.metadata?.name ?? '' },
      };
      await api.create(moved, undefined, 'All');
    }
  }
});

test('the ServiceAccount of the worker may do all of this', () => {
  expect(told.filter((message) => /cannot watch the cluster|could not be saved/.test(message))).toEqual([]);
});
