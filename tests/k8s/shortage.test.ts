import { describe, expect, test, vi } from 'vitest';
import type { JobRequest } from '../../executor/index.ts';
import { createShortage, shortageIn } from '../../k8s/capacity/shortage.ts';
import type { Qualification } from '../../planner/index.ts';
import { KubernetesSettings } from '../../spec/index.ts';

const aGang = { resources: { cpus: 64, gpus: 8 } };
const found = (given: Partial<Qualification>): Qualification => ({
  ...{ fits: 'now', podsNeeded: 2, podsNow: 2, podsEver: 2, qualifying: [], refused: [] },
  ...given,
});

test('where there is room nothing is lacking', () => {
  expect(shortageIn(found({}), aGang)).toBeNull();
});

test('what has to wait is told with what it waits for', () => {
  const refused = [{ why: '2 nvidia.com/gpu free of 8 nvidia.com/gpu: used by other pods', nodes: ['a', 'b'] }];
  expect(shortageIn(found({ fits: 'later', podsNow: 0, refused }), aGang)).toEqual({
    fits: 'later',
    why: 'room for 2 pods of 8 GPUs is needed, and there is some for 0 (for 2 once others have gone); 2 nodes: 2 nvidia.com/gpu free of 8 nvidia.com/gpu: used by other pods',
  });
});

test('what can never run is told with why each node does not do, the first reasons of many', () => {
  const refused = ['a', 'b', 'c', 'd', 'e', 'f'].map((node) => ({ why: `reason ${node}`, nodes: [node] }));
  const shortage = shortageIn(found({ fits: 'never', podsNow: 0, podsEver: 1, refused }), aGang);
  expect(shortage?.fits).toBe('never');
  expect(shortage?.why).toBe(
    'room for 2 pods of 8 GPUs is needed, and the whole cluster has it for 1; 1 nodes: reason a; 1 nodes: reason b; 1 nodes: reason c; 1 nodes: reason d; 2 reasons more',
  );
});

describe('the look before a job', () => {
  const settings = KubernetesSettings.parse({ image: 'x', store: { claim: 'x' } });
  const node = {
    metadata: { name: 'a' },
    status: { allocatable: { cpu: '8', memory: '64Gi' }, conditions: [{ type: 'Ready', status: 'True' }] },
  };
  const busy = { spec: { nodeName: 'a', containers: [{ name: 'c', resources: { requests: { cpu: '7' } } }] } };
  const aJob = {
    ...{ name: 'j', campaign: 'c', stage: 'prepare', kind: 'prepare', arm: null, key: 'ab', attempt: 0, ownerRun: 'r' },
    ...{
      parts: 1,
      parallelism: 1,
      gang: false,
      main: { runtime: 'node', args: ['stages/main.ts'] },
      policyServer: null,
    },
    ...{ resources: { cpus: 4, gpus: 0 }, excludedNodes: [], env: {}, graceSeconds: 1 },
  } as JobRequest;
  const look = (given: { nodes?: unknown; pods?: unknown; settings?: KubernetesSettings } = {}) => {
    const { nodes = [node], pods = [busy] } = given;
    const client = { listNodes: vi.fn(async () => nodes), listPodsOnNodes: vi.fn(async () => pods) };
    const log = { info: vi.fn(), warn: vi.fn() };
    return { client, log, shortageOf: createShortage(client as never, given.settings ?? settings, log as never) };
  };

  test('what may wait is asked of nodes alone', async () => {
    const { client, shortageOf } = look();
    expect(await shortageOf(aJob, false)).toBeNull();
    expect(client.listPodsOnNodes).not.toHaveBeenCalled();
  });

  test('what is not to wait is asked of those who are on them too', async () => {
    expect(await look().shortageOf(aJob, true)).toMatchObject({ fits: 'later' });
    expect(await look({ pods: [] }).shortageOf(aJob, true)).toBeNull();
  });

  test('where nodes may not be listed nothing is concluded, and that is told once', async () => {
    const { log, shortageOf } = look({ nodes: null });
    expect([await shortageOf(aJob, true), await shortageOf(aJob, true)]).toEqual([null, null]);
    expect(log.info).toHaveBeenCalledTimes(1);
  });

  test('a cluster whose nodes come when pods wait is not looked at', async () => {
    const { client, shortageOf } = look({ nodes: [], settings: { ...settings, checkRoom: false } });
    expect(await shortageOf(aJob, false)).toBeNull();
    expect(client.listNodes).not.toHaveBeenCalled();
  });
});
