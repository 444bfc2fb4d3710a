import { describe, expect, test } from 'vitest';
import { createGate } from '../../stages/policy-gate.ts';

const never = new AbortController().signal;
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Requests in order; `through` lists those that were let through. */
function line(gate: ReturnType<typeof createGate>, weights: readonly number[], signal = never) {
  const through: number[] = [];
  const leave: ((() => void) | null)[] = [];
  const all = weights.map(async (sequences, index) => {
    leave[index] = await gate.enter(sequences, signal);
    through.push(index);
  });
  return { through, leave, all };
}

describe('a gate', () => {
  test('lets through what fits, first come, first served', async () => {
    const gate = createGate(10);
    const { through, leave } = line(gate, [4, 4, 4, 1]);
    await settled();
    expect(through).toEqual([0, 1]); // 1 would fit, but it came last
    expect([gate.inFlight, gate.waiting]).toEqual([8, 5]);
    leave[0]!();
    leave[0]!(); // once is enough
    await settled();
    expect(through).toEqual([0, 1, 2, 3]);
    expect([gate.inFlight, gate.waiting]).toEqual([9, 0]);
  });

  test('lets what is larger than the limit go alone', async () => {
    const { through, leave } = line(createGate(10), [16, 16]);
    await settled();
    expect(through).toEqual([0]);
    leave[0]!();
    await settled();
    expect(through).toEqual([0, 1]);
  });

  test('follows a limit that moves', async () => {
    const gate = createGate(4);
    const { through } = line(gate, [4, 4]);
    gate.setLimit(8);
    await settled();
    expect(through).toEqual([0, 1]);
  });

  test('forgets who gives up waiting', async () => {
    const gate = createGate(4);
    line(gate, [4]);
    const stop = new AbortController();
    const { all } = line(gate, [4], stop.signal);
    stop.abort(new Error('stopped'));
    await expect(all[0]).rejects.toThrow('stopped');
    expect(gate.waiting).toBe(0);
  });

  test('sends away those that wait, and not those that are through', async () => {
    const gate = createGate(4);
    const { leave, all } = line(gate, [4, 4]);
    gate.sendAway();
    await Promise.all(all);
    expect(leave.map((one) => one === null)).toEqual([false, true]);
    expect([gate.inFlight, gate.waiting]).toEqual([4, 0]);
  });
});
