import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { JobObservation } from '../../executor/index.ts';
import { type Job, nameOf, type Pod } from '../../k8s/api/objects.ts';
import { Cluster } from '../../k8s/cluster.ts';
import { createKubernetesExecutor } from '../../k8s/executor.ts';
import { endLeftover } from '../../k8s/leftover.ts';
import { LABELS } from '../../k8s/manifests/labels.ts';
import { instancePath, logsDir, manifestPath, partPath, partsDir, stageDir } from '../../store/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { FakeApi } from './fake-api.ts';
import { recorded, settings } from './support.ts';

const KEY = 'c0ffee'.repeat(10).concat('c0ff');
const quiet = { info: () => {}, warn: () => {} };

/** A Job of two pods that run, with a store, and the observations of a watch. */
async function aRunningJob(change: (job: Job) => Job = (job) => job) {
  const { job, pods } = recorded('running') as { job: Job; pods: readonly Pod[] };
  const api = new FakeApi(change(job), pods);
  const store = await temporaryFolder();
  await mkdir(stageDir(store, KEY), { recursive: true });
  const executor = createKubernetesExecutor({ settings: settings(), store, log: quiet, client: api.client });
  const leaving = new AbortController();
  onTestFinished(() => {
    leaving.abort();
    executor[Symbol.dispose]();
  });
  const seen: JobObservation[] = [];
  const ended = (async () => {
    for await (const observation of executor.watch(nameOf(job), leaving.signal)) seen.push(observation);
    return seen.at(-1);
  })();
  await expect.poll(() => seen.length).toBeGreaterThan(0);
  const publish = async (part: number, attempt = 0): Promise<void> => {
    const path = partPath(stageDir(store, KEY), part);
    await mkdir(dirname(path), { recursive: true });
    const manifest = { part, attempt, files: [], counts: {}, finishedAt: '2026-11-28T02:17:00.000Z' };
    await writeFile(path, JSON.stringify(manifest));
  };
  return { api, store, seen, ended, publish, stopWatching: () => leaving.abort() };
}

const withAnnotation =
  (name: string, value: string) =>
  (job: Job): Job =>
    ({ ...job, metadata: { ...job.metadata, annotations: { ...job.metadata?.annotations, [name]: value } } }) as Job;

/** The pod after its main container has ended. The kubelet has not finished with the pod. */
const withMainEnded = (pod: Pod, exitCode: number): Pod => {
  const terminated = { exitCode, startedAt: '2026-11-28T02:16:17Z', finishedAt: '2026-11-28T02:17:00Z' };
  const containerStatuses = pod.status?.containerStatuses?.map((one) => ({ ...one, state: { terminated } }));
  return { ...pod, status: { ...pod.status, containerStatuses } } as Pod;
};
/** Longer than several looks at the store. */
const LONG_MS = 700;
const stillRuns = async ({ seen }: { seen: readonly JobObservation[] }): Promise<void> => {
  await sleep(LONG_MS);
  expect(seen.at(-1)?.phase).toBe('running');
};

describe('a Job whose pods run', () => {
  test('ends with its last part, at the time of that part', async () => {
    const running = await aRunningJob();
    await running.publish(1);
    await stillRuns(running);
    await running.publish(0);
    expect(await running.ended).toMatchObject({
      phase: 'succeeded',
      pods: [{ phase: 'succeeded', finishedAt: '2026-11-28T02:17:00.000Z' }, { phase: 'succeeded' }],
    });
  });

  test('ends with the part of rank 0 if it is a gang', async () => {
    const running = await aRunningJob(withAnnotation('orrery.dev/shape', 'gang'));
    await running.publish(0);
    expect(await running.ended).toMatchObject({ phase: 'succeeded', pods: [{}, { phase: 'succeeded' }] });
  });

  test('does not end with a part of another attempt, until its program has ended with 0: it may make it again', async () => {
    const running = await aRunningJob();
    await running.publish(0);
    await running.publish(1, 7);
    await stillRuns(running);
    const [first, second] = running.api.pods as [Pod, Pod];
    running.api.show(running.api.job, [first, withMainEnded(second, 1)]);
    await stillRuns(running);
    running.api.show(running.api.job, [first, withMainEnded(second, 0)]);
    expect((await running.ended)?.phase).toBe('succeeded');
  });

  test('does not end with a damaged part', async () => {
    const running = await aRunningJob();
    await running.publish(0);
    await writeFile(partPath(stageDir(running.store, KEY), 1), '{ "part": 1, ');
    await stillRuns(running);
  });

  test('does not end with its parts while it is being stopped', async () => {
    const running = await aRunningJob(withAnnotation('orrery.dev/stopped-at', '2026-11-28T02:16:30.000Z'));
    await Promise.all([running.publish(0), running.publish(1)]);
    await stillRuns(running);
  });

  test('takes no key for a path', async () => {
    const running = await aRunningJob(withAnnotation('orrery.dev/key', '../elsewhere'));
    const [first, second] = running.api.pods as [Pod, Pod];
    running.api.show(running.api.job, [withMainEnded(first, 0), withMainEnded(second, 0)]);
    await stillRuns(running);
    expect(existsSync(`${running.store}/elsewhere`)).toBe(false);
  });
});

test('a Job that fails after its parts are published has succeeded, and leaves its logs', async () => {
  const running = await aRunningJob();
  const conditions = [{ type: 'Failed', status: 'True', reason: 'PodFailurePolicy', message: 'exit code 134' }];
  const pods = running.api.pods.map((pod) => {
    const ended = withMainEnded(pod, 134);
    return { ...ended, status: { ...ended.status, phase: 'Failed' } } as Pod;
  });
  await Promise.all([running.publish(0), running.publish(1)]);
  running.api.show({ ...running.api.job, status: { ...running.api.job.status, conditions } } as Job, pods);
  expect((await running.ended)?.phase).toBe('succeeded');
  // Its logs are kept all the same.
  await expect.poll(() => readdir(logsDir(stageDir(running.store, KEY), 0)).catch(() => [])).toHaveLength(2);
});

test('a program that has ended without its part is no end, and the look for it leaves nothing in the store', async () => {
  const running = await aRunningJob();
  const [first, second] = running.api.pods as [Pod, Pod];
  running.api.show(running.api.job, [withMainEnded(first, 0), second]);
  await stillRuns(running);
  expect(await readdir(partsDir(stageDir(running.store, KEY)))).toEqual([]);
});

test('nothing is created below the mount point of a store that is not mounted', async () => {
  const running = await aRunningJob();
  await rm(`${running.store}/stages`, { recursive: true });
  running.api.show(
    running.api.job,
    running.api.pods.map((pod) => withMainEnded(pod, 0)),
  );
  await stillRuns(running);
  expect(existsSync(`${running.store}/stages`)).toBe(false);
});

describe('what is left of a Job after its parts', () => {
  async function aLeftover() {
    const { job, pods } = recorded('running') as { job: Job; pods: readonly Pod[] };
    const api = new FakeApi(job, pods);
    const parts = { client: api.client, settings: settings(), store: await temporaryFolder(), log: quiet };
    const cluster = new Cluster(parts, 'recorded');
    onTestFinished(() => cluster.close());
    await cluster.cache.ready();
    return { api, cluster, name: nameOf(job) };
  }

  test('is stopped when its programs run on', async () => {
    const { api, cluster, name } = await aLeftover();
    void endLeftover(cluster, name, 0);
    await expect.poll(() => api.patches).toMatchObject([{ spec: { suspend: true } }]);
  });

  test('is left alone when it ends', async () => {
    const { api, cluster, name } = await aLeftover();
    const following = endLeftover(cluster, name, 5000);
    api.show({ ...api.job, status: { conditions: [{ type: 'Complete', status: 'True' }] } } as Job);
    await following;
    expect(api.patches).toEqual([]);
  });

  test('is no orphan for a minute after its stage is sealed', async () => {
    const { api, cluster } = await aLeftover();
    const { store, settings: given } = cluster;
    await writeFile(instancePath(store), '{"instance":"recorded00"}');
    const labels = { ...api.job.metadata?.labels, [LABELS.instance]: 'recorded00' };
    api.show({ ...api.job, metadata: { ...api.job.metadata, labels } } as Job);
    const executor = createKubernetesExecutor({ settings: given, store, log: quiet, client: api.client });
    onTestFinished(() => executor[Symbol.dispose]());
    const phases = async () => (await executor.list()).map(({ phase }) => phase);
    expect(await phases()).toEqual(['running']);
    const manifest = manifestPath(stageDir(store, KEY));
    await mkdir(dirname(manifest), { recursive: true });
    await writeFile(manifest, '{}');
    expect(await phases()).toEqual(['succeeded']);
    const before = Date.now() / 1000 - 61;
    await utimes(manifest, before, before);
    expect(await phases()).toEqual(['running']);
  });

  test('is left alone when the worker stops', async () => {
    const { api, cluster, name } = await aLeftover();
    const following = endLeftover(cluster, name, 100);
    cluster.close();
    await following;
    expect(api.patches).toEqual([]);
  });
});
