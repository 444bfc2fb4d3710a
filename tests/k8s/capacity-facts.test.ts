import { expect, test } from 'vitest';
import type { KubeNode, Pod } from '../../k8s/api/objects.ts';
import { nodeFacts, podFacts, podRequests } from '../../k8s/capacity/facts.ts';
import { quantity } from '../../k8s/capacity/quantity.ts';

test.each([
  ['0', 0],
  ['8', 8],
  ['500m', 0.5],
  ['1.5Gi', 1.5 * 2 ** 30],
  ['16Ki', 16_384],
  ['4G', 4e9],
  ['1e3', 1000],
  ['100n', 1e-7],
])('the quantity %s is %d', (text, want) => {
  expect(quantity(text)).toBeCloseTo(want, 12);
});

test.each(['', 'x', '8 Gi', '1.2.3', '5Qi'])('"%s" is no quantity, and is refused', (text) => {
  expect(() => quantity(text)).toThrow(RangeError);
});

const container = (requests: Record<string, string>, more: object = {}) => ({
  name: 'c',
  resources: { requests },
  ...more,
});

test('the requests of a pod are those of its containers and sidecars together', () => {
  const policyServer = container({ cpu: '7', 'nvidia.com/gpu': '8' }, { restartPolicy: 'Always' });
  const pod = { containers: [container({ cpu: '1' })], initContainers: [policyServer] } as never;
  expect(podRequests(pod)).toEqual({ cpu: 8, 'nvidia.com/gpu': 8 });
});

test('the requests of a pod are those of an init container with the sidecars before it, if those are larger', () => {
  const initContainers = [container({ cpu: '1' }, { restartPolicy: 'Always' }), container({ cpu: '4', memory: '1Ki' })];
  const pod = { containers: [container({ cpu: '2' })], initContainers } as never;
  expect(podRequests(pod)).toEqual({ cpu: 5, memory: 1024 });
});

test('limits count as requests if there are no requests', () => {
  const pod = { containers: [{ name: 'c', resources: { limits: { 'nvidia.com/gpu': '2' } } }] } as never;
  expect(podRequests(pod)).toEqual({ 'nvidia.com/gpu': 2 });
});

test.each<{ name: string; pod: object; holds: boolean }>([
  { name: 'runs', pod: { spec: { nodeName: 'a', containers: [] }, status: { phase: 'Running' } }, holds: true },
  {
    name: 'is bound and starts',
    pod: { spec: { nodeName: 'a', containers: [] }, status: { phase: 'Pending' } },
    holds: true,
  },
  { name: 'has ended', pod: { spec: { nodeName: 'a', containers: [] }, status: { phase: 'Succeeded' } }, holds: false },
  { name: 'is on no node', pod: { spec: { containers: [] }, status: { phase: 'Pending' } }, holds: false },
])('a pod that $name holds its requests: $holds', ({ pod, holds }) => {
  expect(podFacts(pod as Pod) !== null).toBe(holds);
});

test('a node is ready only if its condition says so', () => {
  const node = (status: string): KubeNode => ({ status: { conditions: [{ type: 'Ready', status }] } }) as KubeNode;
  expect(['True', 'False', 'Unknown'].map((status) => nodeFacts(node(status)).ready)).toEqual([true, false, false]);
});
