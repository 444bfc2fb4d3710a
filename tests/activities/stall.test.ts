import { describe, expect, test } from 'vitest';
import { type IdlePods, stallOf, updatedIdle } from '../../activities/stall.ts';
import type { PodState } from '../../executor/index.ts';
import type { Progress } from '../../spec/index.ts';
import { aProgress } from '../support/builders.ts';

const SECOND = 1000;
const LIMIT = 30;
const aPod = (part: number, phase: PodState['phase'] = 'running') => ({ part, phase, node: `node-${part}` });
const done = (units: number): Progress => aProgress({ done: units });

/** Checks once a second. @param reportsAt - what every pod has reported by then */
function watched(
  seconds: number,
  podsAt: (second: number) => ReturnType<typeof aPod>[],
  reportsAt: (second: number) => (Progress | null)[],
  isGang = false,
) {
  let idle: IdlePods = new Map();
  for (let second = 1; second <= seconds; second += 1) {
    idle = updatedIdle(idle, podsAt(second), reportsAt(second), SECOND);
    const stall = stallOf(idle, podsAt(second), isGang, LIMIT);
    if (stall !== null) return { second, ...stall };
  }
  return null;
}

describe('the stall watch', () => {
  test('finds one shard that hangs while the others continue, and names it and its node', () => {
    const pods = () => [aPod(0), aPod(1), aPod(2)];
    expect(watched(200, pods, (second) => [done(second), done(7), done(second)])).toEqual({
      second: 32, // seen first at 1 s
      words: 'part 1 of 3: no progress for 30 s (7 done)',
      part: 1,
      node: 'node-1',
    });
  });

  test('finds a shard that never reported', () => {
    const found = watched(
      200,
      () => [aPod(0), aPod(1)],
      (second) => [done(second), null],
    );
    expect(found).toMatchObject({ part: 1, words: 'part 1 of 2: no progress for 30 s (nothing reported yet)' });
  });

  test('ignores a shard that has ended, or that waits for a machine', () => {
    const pods = () => [aPod(0), aPod(1, 'succeeded'), aPod(2, 'pending')];
    expect(watched(200, pods, (second) => [done(second), done(7), null])).toBeNull();
  });

  test('finds a shard that has done all its units and does not end', () => {
    expect(
      watched(
        200,
        () => [aPod(0), aPod(1)],
        (second) => [done(second), done(100)],
      ),
    ).toMatchObject({ part: 1 });
  });

  test('counts the time of a shard from when it has a machine', () => {
    const pods = (second: number) => [aPod(0), aPod(1, second < 100 ? 'pending' : 'running')];
    expect(watched(300, pods, (second) => [done(second), null])).toMatchObject({ second: 131, part: 1 });
  });

  test('names no rank of a gang in which all ranks hang; names the one that is left', () => {
    const gang = () => [aPod(0), aPod(1)];
    expect(watched(200, gang, () => [done(5)], true)).toMatchObject({ part: null, words: 'no progress for 30 s' });
    expect(watched(200, gang, (second) => [done(second)], true)).toBeNull();
    const oneEnded = () => [aPod(0, 'succeeded'), aPod(1)];
    expect(watched(200, oneEnded, () => [done(5)], true)).toMatchObject({
      part: 1,
      words: expect.stringMatching(/^rank 1 of 2: no progress/),
    });
  });

  test('names only a few of many that hang', () => {
    const pods = () => Array.from({ length: 9 }, (_, part) => aPod(part));
    const found = watched(200, pods, (second) => pods().map(({ part }) => done(part < 4 ? 1 : second)));
    expect(found?.words).toBe('parts 0, 1, 2 and 1 others of 9: no progress for 30 s (1 done)');
  });
});
