import { describe, expect, test } from 'vitest';
import { type Interruption, interruptions, RATES, SHARES } from '../../bench/simulation/failure-model.ts';

const HOURS = 3600;
const DAY = 24 * HOURS;

/** Mean time between the failures of a job that were not planned, in hours. */
const meanTimeToFailure = (rate: keyof typeof RATES, gpus: number): number =>
  24 / (RATES[rate].perNodeDay * (gpus / 8));

/** The first interruptions of a gang. */
function first(count: number, seed = 1, nodes = 32) {
  const fate = interruptions(RATES['rsc-1024'], nodes, seed);
  return Array.from({ length: count }, () => fate.next().value);
}

describe('the failure model', () => {
  test('gives each published figure at the scale at which it was published', () => {
    expect(meanTimeToFailure('rsc-1024', 1024)).toBeCloseTo(7.9);
    expect(meanTimeToFailure('rsc-fit', 16_384)).toBeCloseTo(1.8);
    expect((54 * 24) / meanTimeToFailure('llama-3', 16_384)).toBeCloseTo(419);
  });

  test('shares of unexpected interruptions add up to all of them', () => {
    const { NodeFailure, Stalled, Crashed } = SHARES;
    expect(NodeFailure.perFailure + Stalled.perFailure + Crashed.perFailure).toBeCloseTo(1);
  });

  test('gives the same interruptions for the same seed, and others for another', () => {
    expect(first(20)).toEqual(first(20));
    expect(first(20, 2)).not.toEqual(first(20));
  });

  test('interrupts at its rate, with its shares, and on all nodes equally', () => {
    const count = 20_000;
    const many = first(count);
    const perDay = RATES['rsc-1024'].perNodeDay * 32 * (1 + SHARES.Preempted.perFailure);
    const mean = many.reduce((sum, { afterSeconds }) => sum + afterSeconds, 0) / count;
    // The standard error of an exponential's mean is the mean over the root of the count; five of them.
    expect(Math.abs(mean * (perDay / DAY) - 1)).toBeLessThan(5 / Math.sqrt(count));
    const shareOf = (kind: Interruption) => many.filter((one) => one.kind === kind).length / count;
    const all = 1 + SHARES.Preempted.perFailure;
    for (const [kind, { perFailure }] of Object.entries(SHARES)) {
      expect(shareOf(kind as Interruption)).toBeCloseTo(perFailure / all, 1.5);
    }
    expect(new Set(many.map(({ rank }) => rank)).size).toBe(32);
  });
});
