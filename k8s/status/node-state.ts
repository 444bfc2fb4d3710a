import { type KubeNode, trueCondition } from '../api/objects.ts';

export const isReady = (node: KubeNode): boolean => trueCondition(node.status?.conditions, 'Ready') !== undefined;

export function describeNode(node: KubeNode): string {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready === undefined || ready.status === 'True'
    ? ''
    : `${node.metadata?.name}: ${ready.message ?? ready.reason ?? 'not ready'}`;
}
