import { describe, expect, test } from 'vitest';
import { createGate } from '../../stages/policy/gate.ts';

const aGate = (limit: number, signal = new AbortController().signal) => createGate(limit, signal);
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Requests in order; `through` lists those that were let through. */
function line(gate: ReturnType<typeof createGate>, weights: readonly number[]) {
  const through: number[] = [];
  const leave: ((() => void) | null)[] = [];
  const all = weights.map(async (sequences, index) => {
    leave[index] = await gate.enter(sequences);
    through.push(index);
  });
  return { through, leave, all };
}

describe('a gate', () => {
  test('lets through what fits, first come, first served', async () => {
    const gate = aGate(10);
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
    const { through, leave } = line(aGate(10), [16, 16]);
    await settled();
    expect(through).toEqual([0]);
    leave[0]!();
    await settled();
    expect(through).toEqual([0, 1]);
  });

  test('follows a limit that moves', async () => {
    const gate = aGate(4);
    const { through } = line(gate, [4, 4]);
    gate.setLimit(8);
    await settled();
    expect(through).toEqual([0, 1]);
  });

  test('lets nobody wait any more when it is stopped', async () => {
    const stop = new AbortController();
    const gate = aGate(4, stop.signal);
    const { all } = line(gate, [4, 4]);
    await all[0];
    stop.abort(new Error('stopped'));
    await expect(all[1]).rejects.toThrow('stopped');
    expect(gate.waiting).toBe(0);
    await expect(gate.enter(1)).rejects.toThrow('stopped');
  });

  test('sends away those that wait, and not those that are through', async () => {
    const gate = aGate(4);
    const { leave, all } = line(gate, [4, 4]);
    gate.sendAway();
    await Promise.all(all);
    expect(leave.map((one) => one === null)).toEqual([false, true]);
    expect([gate.inFlight, gate.waiting]).toEqual([4, 0]);
  });
});
