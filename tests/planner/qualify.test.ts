import { expect, test } from 'vitest';
import { type Need, type NodeFacts, type PodFacts, qualify, type Toleration, tolerates } from '../../planner/index.ts';

const H100_MIB = '81559';
const aNode = (name: string, given: Partial<NodeFacts> = {}): NodeFacts => ({
  name,
  ready: true,
  cordoned: false,
  taints: [],
  labels: { 'nvidia.com/gpu.memory': H100_MIB },
  allocatable: { cpu: 96, memory: 2 ** 40, 'nvidia.com/gpu': 8, pods: 110 },
  ...given,
});
const aNeed = (given: Partial<Need> = {}): Need => ({
  pods: 2,
  gang: true,
  requests: { cpu: 64, 'nvidia.com/gpu': 8 },
  gpuMemoryGiB: 80,
  nodeSelector: {},
  tolerations: [],
  excludedNodes: [],
  ...given,
});
const on = (node: string, gpus: number): PodFacts => ({ node, requests: { cpu: 1, 'nvidia.com/gpu': gpus } });

test('a gang fits now if there is capacity for every pod', () => {
  const found = qualify(aNeed(), [aNode('a'), aNode('b')], []);
  expect(found).toMatchObject({ fits: 'now', podsNow: 2, podsEver: 2, refused: [] });
});

test('a gang with capacity for only one of two pods fits later, when other pods have left', () => {
  const found = qualify(aNeed(), [aNode('a'), aNode('b')], [on('b', 6)]);
  expect(found).toMatchObject({ fits: 'later', podsNow: 1, podsEver: 2 });
  expect(found.refused).toEqual([
    { why: '2 nvidia.com/gpu free of 8 nvidia.com/gpu: used by other pods', nodes: ['b'] },
  ]);
});

test('shards can start when there is capacity for one', () => {
  expect(qualify(aNeed({ gang: false, pods: 32 }), [aNode('a')], []).fits).toBe('now');
});

test('a gang larger than the cluster never fits', () => {
  expect(qualify(aNeed({ pods: 3 }), [aNode('a'), aNode('b')], []).fits).toBe('never');
});

test('several pods fit on one node', () => {
  const need = aNeed({ pods: 4, requests: { cpu: 4, 'nvidia.com/gpu': 2 } });
  expect(qualify(need, [aNode('a')], [on('a', 3)]).qualifying).toEqual([{ node: 'a', podsNow: 2, podsEver: 4 }]);
});

test.each<{ name: string; node: Partial<NodeFacts>; need?: Partial<Need>; why: string; ever: number }>([
  {
    name: 'smaller GPUs',
    node: { labels: { 'nvidia.com/gpu.memory': '40960' } },
    why: 'its GPUs have 40 GiB, but a pod needs 80 GiB',
    ever: 0,
  },
  {
    name: 'unlabelled GPUs',
    node: { labels: {} },
    why: 'GPU memory is unknown: no label nvidia.com/gpu.memory',
    ever: 0,
  },
  {
    name: 'too few GPUs',
    node: { allocatable: { cpu: 96, 'nvidia.com/gpu': 4 } },
    why: 'has 4 nvidia.com/gpu, but a pod needs 8 nvidia.com/gpu',
    ever: 0,
  },
  { name: 'no GPUs', node: { allocatable: { cpu: 96 } }, why: 'has no nvidia.com/gpu', ever: 0 },
  {
    name: 'too few cores',
    node: { allocatable: { cpu: 32, 'nvidia.com/gpu': 8 } },
    why: 'has 32 cores, but a pod needs 64 cores',
    ever: 0,
  },
  {
    name: 'no RDMA',
    node: {},
    need: { requests: { 'nvidia.com/gpu': 8, 'rdma/ib': 1 } },
    why: 'has no rdma/ib',
    ever: 0,
  },
  {
    name: 'a taint',
    node: { taints: [{ key: 'team', value: 'other', effect: 'NoSchedule' }] },
    why: 'taint team=other:NoSchedule is not tolerated',
    ever: 0,
  },
  {
    name: 'a label',
    node: {},
    need: { nodeSelector: { pool: 'h100' } },
    why: 'label pool is missing, expected h100',
    ever: 0,
  },
  {
    name: 'a failure before',
    node: {},
    need: { excludedNodes: ['a'] },
    why: 'excluded, because it failed before',
    ever: 0,
  },
  { name: 'a cordon', node: { cordoned: true }, why: 'cordoned', ever: 1 },
  { name: 'not being ready', node: { ready: false }, why: 'NotReady', ever: 1 },
  {
    name: 'a passing taint',
    node: { taints: [{ key: 'node.kubernetes.io/disk-pressure', effect: 'NoSchedule' }] },
    why: 'taint node.kubernetes.io/disk-pressure:NoSchedule',
    ever: 1,
  },
])('a node is refused for $name', ({ node, need, why, ever }) => {
  const found = qualify(aNeed({ pods: 1, ...need }), [aNode('a', node)], []);
  expect(found.refused).toEqual([{ why, nodes: ['a'] }]);
  expect(found).toMatchObject({ podsNow: 0, podsEver: ever, fits: ever > 0 ? 'later' : 'never' });
});

test('nodes with the same reason are listed together', () => {
  const nodes = [aNode('a', { cordoned: true }), aNode('b', { ready: false }), aNode('c', { cordoned: true })];
  expect(qualify(aNeed(), nodes, []).refused).toEqual([
    { why: 'cordoned', nodes: ['a', 'c'] },
    { why: 'NotReady', nodes: ['b'] },
  ]);
});

test('a GPU whose driver reports 79.6 GiB counts as one of 80 GB, and one with 72 GiB does not', () => {
  const fits = (mebibytes: number) =>
    qualify(aNeed({ pods: 1 }), [aNode('a', { labels: { 'nvidia.com/gpu.memory': String(mebibytes) } })], []).fits;
  expect(fits(81_559)).toBe('now');
  expect(fits(73_728)).toBe('never');
});

test('free cores are exact to a thousandth, even after fractions were subtracted', () => {
  const used = Array.from({ length: 9 }, (): PodFacts => ({ node: 'a', requests: { cpu: 0.1 } }));
  const need = aNeed({ pods: 1, requests: { cpu: 0.1 } });
  expect(qualify(need, [aNode('a', { allocatable: { cpu: 1 } })], used).podsNow).toBe(1);
});

test.each<{ toleration: Toleration; want: boolean }>([
  { toleration: { operator: 'Exists' }, want: true },
  { toleration: { key: 'team', operator: 'Exists' }, want: true },
  { toleration: { key: 'team', value: 'other' }, want: true },
  { toleration: { key: 'team', value: 'ours' }, want: false },
  { toleration: { key: 'gpu', operator: 'Exists' }, want: false },
  { toleration: { key: 'team', operator: 'Exists', effect: 'NoExecute' }, want: false },
])('$toleration tolerates team=other:NoSchedule: $want', ({ toleration, want }) => {
  expect(tolerates(toleration, { key: 'team', value: 'other', effect: 'NoSchedule' })).toBe(want);
});
