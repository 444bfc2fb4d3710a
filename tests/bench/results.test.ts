import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { atLeast, numberText, under, verdictOf, withoutTarget } from '../../bench/benchmark.ts';
import { BENCHMARKS } from '../../bench/benchmarks.ts';
import { criticalPath } from '../../bench/overhead.ts';
import { benchmarkPage, PAGE } from '../../bench/page.ts';
import { readResults } from '../../bench/result.ts';
import { summarise } from '../../bench/statistics.ts';
import { CampaignSpec, pendingStage, planCampaign } from '../../spec/index.ts';
import { aCampaign } from '../support/worker.ts';

describe('the verdict of a benchmark', () => {
  const met = under('time', 1, 2, 's');
  const missed = atLeast('share', 96, 97, '%');

  test('is not met as soon as one goal is missed', () => {
    expect(verdictOf([met, missed, withoutTarget('other', '3')])).toBe('not met');
  });
  test('is met when every goal with a target is', () =>
    expect(verdictOf([met, withoutTarget('other', '3')])).toBe('met'));
  test('has no target where no goal has one', () => expect(verdictOf([withoutTarget('other', '3')])).toBe('no target'));
  test('misses a limit that is just reached from above, and reaches one that is just reached from below', () => {
    expect(under('time', 2, 2, 's').met).toBe(false);
    expect(atLeast('share', 97, 97, '%').met).toBe(true);
  });
  test('tells numbers by three digits', () => {
    expect([0.012_345, 1.0049, 97.149, 1234.5, 0].map(numberText)).toEqual(['0.0123', '1', '97.1', '1235', '0']);
  });
});

describe('a summary', () => {
  test('tells the middle, the tail and the spread', () => {
    expect(summarise([1, 2, 3, 4, 100])).toMatchObject({ n: 5, median: 3, min: 1, max: 100, mean: 22 });
    expect(summarise([7])).toMatchObject({ n: 1, median: 7, p95: 7, sd: 0 });
  });
  test('of nothing is refused', () => expect(() => summarise([])).toThrow(/at least one measurement/));
});

test('the critical path goes from the last stage back to what it waited for longest', () => {
  const spec = CampaignSpec.parse(aCampaign());
  // The direct arm's stages end later than those of astro, search later than the evaluation of the base.
  const stages = planCampaign(spec).map((slot, index) => ({
    ...pendingStage(slot),
    finishedAt: new Date(1000 * (index + (slot.name === 'evaluate-base' ? -10 : 0))).toISOString(),
  }));
  expect(criticalPath(spec, stages).map(({ name }) => name)).toEqual([
    ...['pretrain', 'search', 'direct/linearise', 'direct/rewrite', 'direct/sft', 'direct/curriculum', 'direct/rl'],
    ...['direct/evaluate-rl', 'analyse'],
  ]);
});

test('docs/benchmarks.md says what bench/results holds', () => {
  const results = readResults();
  const inOrder = BENCHMARKS.flatMap(({ name }) => results.get(name) ?? []);
  expect(inOrder).toHaveLength(results.size);
  expect(readFileSync(PAGE, 'utf8')).toBe(benchmarkPage(inOrder));
});
