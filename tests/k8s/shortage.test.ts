import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, test, vi } from 'vitest';
import type { JobRequest } from '../../executor/index.ts';
import { createShortage, shortageIn } from '../../k8s/capacity/shortage.ts';
import { createKubernetesExecutor } from '../../k8s/executor.ts';
import { ANNOTATIONS, LABELS } from '../../k8s/manifests/labels.ts';
import type { Qualification } from '../../planner/index.ts';
import { KubernetesSettings } from '../../spec/index.ts';
import { manifestPath, stageDir, storeId } from '../../store/index.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const aGang = { resources: { cpus: 64, gpus: 8 } };
const found = (given: Partial<Qualification>): Qualification => ({
  fits: 'now',
  podsNeeded: 2,
  podsNow: 2,
  podsEver: 2,
  qualifying: [],
  refused: [],
  ...given,
});

test('there is no shortage if the job fits', () => {
  expect(shortageIn(found({}), aGang)).toBeNull();
});

test('the shortage of a job that has to wait says what it waits for', () => {
  const refused = [{ why: '2 nvidia.com/gpu free of 8 nvidia.com/gpu: used by other pods', nodes: ['a', 'b'] }];
  expect(shortageIn(found({ fits: 'later', podsNow: 0, refused }), aGang)).toEqual({
    fits: 'later',
    why: 'needs capacity for 2 pods of 8 GPUs; now there is capacity for 0 (2 once other pods have ended); 2 nodes: 2 nvidia.com/gpu free of 8 nvidia.com/gpu: used by other pods',
  });
});

test('the shortage of a job that can never run gives the first reasons of the nodes', () => {
  const refused = ['a', 'b', 'c', 'd', 'e', 'f'].map((node) => ({ why: `reason ${node}`, nodes: [node] }));
  const shortage = shortageIn(found({ fits: 'never', podsNow: 0, podsEver: 1, refused }), aGang);
  expect(shortage?.fits).toBe('never');
  expect(shortage?.why).toBe(
    'needs capacity for 2 pods of 8 GPUs; the whole cluster has capacity for 1; 1 nodes: reason a; 1 nodes: reason b; 1 nodes: reason c; 1 nodes: reason d; 2 more reasons',
  );
});

describe('the capacity check before a job', () => {
  const settings = KubernetesSettings.parse({ image: 'x', store: { claim: 'x' } });
  const node = {
    metadata: { name: 'a' },
    status: { allocatable: { cpu: '8', memory: '64Gi' }, conditions: [{ type: 'Ready', status: 'True' }] },
  };
  const busy = { spec: { nodeName: 'a', containers: [{ name: 'c', resources: { requests: { cpu: '7' } } }] } };
  const aJob = {
    name: 'j',
    campaign: 'c',
    stage: 'prepare',
    kind: 'prepare',
    arm: null,
    key: 'ab',
    attempt: 0,
    ownerRun: 'r',
    parts: 1,
    parallelism: 1,
    gang: false,
    main: { runtime: 'node', args: ['stages/main.ts'] },
    policyServer: null,
    resources: { cpus: 4, gpus: 0 },
    excludedNodes: [],
    env: {},
    graceSeconds: 1,
  } as JobRequest;
  const setUp = (given: { nodes?: unknown; pods?: unknown; settings?: KubernetesSettings } = {}) => {
    const { nodes = [node], pods = [busy] } = given;
    const client = { listNodes: vi.fn(async () => nodes), listPodsOnNodes: vi.fn(async () => pods) };
    const log = { info: vi.fn(), warn: vi.fn() };
    return { client, log, shortageOf: createShortage(client as never, given.settings ?? settings, log as never) };
  };

  test('lists only nodes for a job that may wait', async () => {
    const { client, shortageOf } = setUp();
    expect(await shortageOf(aJob, false)).toBeNull();
    expect(client.listPodsOnNodes).not.toHaveBeenCalled();
  });

  test('lists pods too for a job that must not wait', async () => {
    expect(await setUp().shortageOf(aJob, true)).toMatchObject({ fits: 'later' });
    expect(await setUp({ pods: [] }).shortageOf(aJob, true)).toBeNull();
  });

  test('finds no shortage if nodes may not be listed, and logs that once', async () => {
    const { log, shortageOf } = setUp({ nodes: null });
    expect([await shortageOf(aJob, true), await shortageOf(aJob, true)]).toEqual([null, null]);
    expect(log.info).toHaveBeenCalledTimes(1);
  });

  test('is skipped for a cluster with an autoscaler', async () => {
    const { client, shortageOf } = setUp({ nodes: [], settings: { ...settings, checkRoom: false } });
    expect(await shortageOf(aJob, false)).toBeNull();
    expect(client.listNodes).not.toHaveBeenCalled();
  });

  test('counts a pod as gone once its stage is sealed: it frees its resources within seconds', async () => {
    const store = await temporaryFolder();
    const key = 'ab'.repeat(32);
    const ofStore = async (instance: string) => {
      const metadata = { labels: { [LABELS.instance]: instance }, annotations: { [ANNOTATIONS.key]: key } };
      const { client, log } = setUp({ pods: [{ ...busy, metadata }] });
      return createKubernetesExecutor({ settings, store, log, client: client as never }).capacity(aJob, true);
    };
    const own = await storeId(store);
    expect(await ofStore(own)).toMatchObject({ fits: 'later' });
    await mkdir(stageDir(store, key), { recursive: true });
    await writeFile(manifestPath(stageDir(store, key)), '{}');
    expect(await ofStore(own)).toBeNull();
    expect(await ofStore('another')).toMatchObject({ fits: 'later' });
  });
});
