import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bootstrapMean } from '../../report/statistics/bootstrap.ts';
import { majorityRight } from '../../report/statistics/majority.ts';
import { mcnemarExact } from '../../report/statistics/mcnemar.ts';
import { twoSidedZ } from '../../report/statistics/normal.ts';
import { type Point, pearson } from '../../report/statistics/pearson.ts';
import { lightWindow, movingMean } from '../../report/statistics/smoothing.ts';
import { wilson } from '../../report/statistics/wilson.ts';
import { random } from '../../stages/runtime/random.ts';

describe('normal quantile', () => {
  test.each([
    [0.9, 1.6448536269514722],
    [0.95, 1.959963984540054],
    [0.99, 2.5758293035489004],
  ])('of a two-sided interval of level %d is that of the tables', (confidence, z) =>
    expect(twoSidedZ(confidence)).toBeCloseTo(z, 10),
  );
  test('refuses a level outside of (0, 1)', () => expect(() => twoSidedZ(95)).toThrow(/between 0 and 1, but got 95/));
});

describe('Wilson interval', () => {
  // R. G. Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17 (1998), table
  // I, method 3.
  test.each([
    { successes: 81, n: 263, low: 0.2553, high: 0.3662 },
    { successes: 15, n: 148, low: 0.0624, high: 0.1605 },
    { successes: 0, n: 20, low: 0, high: 0.1611 },
    { successes: 1, n: 29, low: 0.0061, high: 0.1718 },
  ])('of $successes in $n is the published one', ({ successes, n, low, high }) => {
    const interval = wilson(successes, n, 0.95);
    expect(interval.value).toBe(successes / n);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });
  test('of no trials is missing, with a reason', () =>
    expect(wilson(0, 0, 0.95)).toMatchObject({ value: null, low: null, high: null, reason: expect.any(String) }));
  test('stays within 0 and 1 and around its value', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, share) => {
        const { value, low, high } = wilson(Math.round(share * n), n, 0.95);
        expect(0 <= low! && low! <= value! && value! <= high! && high! <= 1).toBe(true);
      }),
    ));
});

describe('bootstrap', () => {
  const settings = (seed: number, resamples = 400) => ({ confidence: 0.95, resamples, random: random(seed) });

  test('covers the true mean about as often as its level says', () => {
    const draw = random(11);
    const experiments = 300;
    let covered = 0;
    for (let experiment = 0; experiment < experiments; experiment++) {
      const values = Array.from({ length: 60 }, () => Number(draw() < 0.4)); // true mean 0.4
      const { low, high } = bootstrapMean(values, settings(experiment));
      if (low! <= 0.4 && 0.4 <= high!) covered += 1;
    }
    // 0.95 within three standard errors; the percentile method is slightly short at n = 60.
    expect(covered / experiments).toBeGreaterThan(0.9);
    expect(covered / experiments).toBeLessThan(0.99);
  });
  test('is close to the normal interval when that applies', () => {
    const draw = random(5);
    const values = Array.from({ length: 400 }, draw);
    const { value, low, high } = bootstrapMean(values, settings(1, 4000));
    const half = (1.96 * Math.sqrt(1 / 12)) / 20;
    expect(high! - value!).toBeCloseTo(half, 2);
    expect(value! - low!).toBeCloseTo(half, 2);
  });
  test('gives the same interval for the same seed', () => {
    const values = [0, 0.25, 0.5, 1, 1, 0.75];
    expect(bootstrapMean(values, settings(3))).toEqual(bootstrapMean(values, settings(3)));
  });
  test.each([
    { name: 'no value gives no estimate', values: [], want: { value: null, low: null } },
    { name: 'one value has no interval', values: [0.5], want: { value: 0.5, low: null } },
    { name: 'equal values have no interval', values: [1, 1, 1], want: { value: 1, low: null } },
  ])('$name, and says why', ({ values, want }) =>
    expect(bootstrapMean(values, settings(1))).toMatchObject({ ...want, reason: expect.any(String) }),
  );
});

describe('McNemar', () => {
  test.each([
    { name: '1 against 9: twice (1 + 10) / 1024', pair: [1, 9], p: 0.021484375 },
    { name: 'the sides may be swapped', pair: [9, 1], p: 0.021484375 },
    { name: '0 against 6: twice 1 / 64', pair: [0, 6], p: 0.03125 },
    { name: 'an even split shows nothing', pair: [5, 5], p: 1 },
    { name: 'no disagreement shows nothing', pair: [0, 0], p: 1 },
  ] as const)('$name', ({ pair: [b, c], p }) => expect(mcnemarExact(b, c)).toBeCloseTo(p, 12));
  test('does not underflow with thousands of pairs', () => {
    // Normal approximation with continuity correction: z = 99 / sqrt(4100), p = 0.122.
    expect(mcnemarExact(2000, 2100)).toBeCloseTo(0.122, 3);
  });
});

describe('Pearson', () => {
  const names = { x: 'backtracks', y: 'rewards' };
  const xs = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5];
  const ys = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];

  test('for Anscombe’s first set gives r and the interval of R’s cor.test', () => {
    const points = xs.map((x, at): Point => [x, ys[at]!]);
    const r = pearson(points, 0.95, names);
    expect(r.value).toBeCloseTo(0.8164205, 6);
    expect(r.low).toBeCloseTo(0.4243912, 6);
    expect(r.high).toBeCloseTo(0.9506933, 6);
  });
  test.each([
    { name: 'no points', points: [], reason: /two points/ },
    { name: 'one point', points: [[1, 2]], reason: /two points/ },
    {
      name: 'constant x',
      points: [
        [0, 1],
        [0, 2],
        [0, 3],
      ],
      reason: /backtracks never vary/,
    },
    {
      name: 'constant y up to rounding',
      points: [
        [1, 0.3],
        [2, 0.1 + 0.2],
        [3, 0.3],
      ],
      reason: /rewards never vary/,
    },
  ] as { name: string; points: Point[]; reason: RegExp }[])(
    'gives the reason when it is missing: $name',
    ({ points, reason }) => {
      const r = pearson(points, 0.95, names);
      expect(r.value).toBeNull();
      expect(r.reason).toMatch(reason);
    },
  );
  test('has no interval for three points, nor on a line', () => {
    expect(
      pearson(
        [
          [1, 1],
          [2, 3],
          [3, 2],
        ],
        0.95,
        names,
      ),
    ).toMatchObject({ value: 0.5, low: null });
    expect(
      pearson(
        [
          [1, 2],
          [2, 4],
          [3, 6],
          [4, 8],
        ],
        0.95,
        names,
      ),
    ).toMatchObject({ value: 1, low: null });
  });
});

describe('majority', () => {
  const vote = (answer: string | null, right = false) => ({ answer, right });
  test.each([
    { name: 'the most frequent answer decides', votes: [vote('a', true), vote('a', true), vote('b')], want: 1 },
    { name: 'a right minority loses', votes: [vote('a', true), vote('b'), vote('b')], want: 0 },
    { name: 'a tie of two counts half', votes: [vote('a', true), vote('b')], want: 0.5 },
    { name: 'a missing answer has no vote', votes: [vote(null), vote(null), vote('a', true)], want: 1 },
    { name: 'without any answer the majority is wrong', votes: [vote(null)], want: 0 },
  ])('$name', ({ votes, want }) => expect(majorityRight(votes)).toBe(want));
});

describe('smoothing', () => {
  test('is a centred mean, cut at the ends', () => expect(movingMean([0, 3, 6, 9], 3)).toEqual([1.5, 3, 6, 7.5]));
  test('leaves short curves unchanged', () => expect(movingMean([1, 5], lightWindow(2))).toEqual([1, 5]));
});
