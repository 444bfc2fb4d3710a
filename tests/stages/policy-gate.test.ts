import { describe, expect, test } from 'vitest';
import { createGate } from '../../stages/policy/gate.ts';

const aGate = (limit: number, signal = new AbortController().signal) => createGate(limit, signal);
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Sends requests in order. `admitted` lists those that were admitted. */
function line(gate: ReturnType<typeof createGate>, weights: readonly number[]) {
  const admitted: number[] = [];
  const leave: ((() => void) | null)[] = [];
  const all = weights.map(async (sequences, index) => {
    leave[index] = await gate.enter(sequences);
    admitted.push(index);
  });
  return { admitted, leave, all };
}

describe('a gate', () => {
  test('admits what fits, first come, first served', async () => {
    const gate = aGate(10);
    const { admitted, leave } = line(gate, [4, 4, 4, 1]);
    await settled();
    expect(admitted).toEqual([0, 1]); // the last request would fit, but another one came before it
    expect([gate.inFlight, gate.waiting]).toEqual([8, 5]);
    leave[0]!();
    leave[0]!(); // a second call does nothing
    await settled();
    expect(admitted).toEqual([0, 1, 2, 3]);
    expect([gate.inFlight, gate.waiting]).toEqual([9, 0]);
  });

  test('admits a request larger than the limit alone', async () => {
    const { admitted, leave } = line(aGate(10), [16, 16]);
    await settled();
    expect(admitted).toEqual([0]);
    leave[0]!();
    await settled();
    expect(admitted).toEqual([0, 1]);
  });

  test('follows a limit that changes', async () => {
    const gate = aGate(4);
    const { admitted } = line(gate, [4, 4]);
    gate.setLimit(8);
    await settled();
    expect(admitted).toEqual([0, 1]);
  });

  test('rejects every waiting request when it is stopped', async () => {
    const stop = new AbortController();
    const gate = aGate(4, stop.signal);
    const { all } = line(gate, [4, 4]);
    await all[0];
    stop.abort(new Error('stopped'));
    await expect(all[1]).rejects.toThrow('stopped');
    expect(gate.waiting).toBe(0);
    await expect(gate.enter(1)).rejects.toThrow('stopped');
  });

  test('evicts waiting requests and keeps admitted ones', async () => {
    const gate = aGate(4);
    const { leave, all } = line(gate, [4, 4]);
    gate.evict();
    await Promise.all(all);
    expect(leave.map((one) => one === null)).toEqual([false, true]);
    expect([gate.inFlight, gate.waiting]).toEqual([4, 0]);
  });
});
