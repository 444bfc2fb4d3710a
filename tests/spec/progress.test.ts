import { expect, test } from 'vitest';
import { describeSearchMetrics, totalProgress } from '../../spec/index.ts';
import { aProgress } from '../support/builders.ts';

const search = (metrics: Record<string, number>) => aProgress({ unit: 'iteration', metrics });

test('the progress of several pods has the sums of counts and rates, and the means of fractions', () => {
  const total = totalProgress([
    search({ trees: 10, solved: 0.5, tokensPerSecond: 900, cost: 1.5 }),
    search({ trees: 30, solved: 0.7, tokensPerSecond: 1100, cost: 2 }),
  ]);
  expect(total?.metrics).toEqual({ trees: 40, solved: 0.6, tokensPerSecond: 2000, cost: 3.5 });
});

test('the figures of a search are its trees, solved problems, tokens and cost', () => {
  const metrics = { trees: 412, solved: 0.708, tokensPerSecond: 8140.4, gpuSeconds: 11_520, cost: 12.4 };
  expect(describeSearchMetrics(search(metrics))).toEqual([
    ...['412 trees', '71 % solved', '8140 tokens/s', '3.2 GPU-hours', 'cost 12.40'],
  ]);
  expect(describeSearchMetrics(search({ trees: 0, tokensPerSecond: 0 }))).toEqual(['0 trees', '0 tokens/s']);
  expect(describeSearchMetrics(aProgress({ metrics: { loss: 1 } }))).toEqual([]);
});
