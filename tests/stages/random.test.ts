import fc from 'fast-check';
import { expect, test } from 'vitest';
import { random, seedFor, shuffled } from '../../stages/runtime/random.ts';

test('a seed is a whole number that every sampler accepts', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.integer())), (parts) => {
      const seed = seedFor(...parts);
      expect(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31).toBe(true);
    }),
  );
});

test('seeds of different parts differ', () => {
  const seeds = [seedFor('a', 'b'), seedFor('ab'), seedFor('b', 'a'), seedFor('1'), seedFor(1), seedFor()];
  expect(new Set(seeds).size).toBe(seeds.length);
});

test('seeds and numbers are the same on every machine and in every version', () => {
  expect(seedFor(7, 'search', 'problem-1', 0)).toBe(967939522);
  const next = random(42);
  expect([next(), next()]).toEqual([0.9999993701129287, 0.8758418435769486]);
});

test('numbers are spread over [0, 1)', () => {
  const next = random(1);
  const numbers = Array.from({ length: 10_000 }, next);
  expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
  const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  expect(mean).toBeCloseTo(0.5, 1);
});

test('a shuffle keeps every item and follows its generator', () => {
  const items = Array.from({ length: 50 }, (_, index) => index);
  const order = shuffled(items, random(3));
  expect(order).not.toEqual(items);
  expect(order.toSorted((a, b) => a - b)).toEqual(items);
  expect(shuffled(items, random(3))).toEqual(order);
});
