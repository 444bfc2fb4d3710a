import { expect, test } from 'vitest';
import { shortageIn } from '../../k8s/shortage.ts';
import type { Qualification } from '../../planner/index.ts';

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
