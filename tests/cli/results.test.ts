import { expect, test } from 'vitest';
import { type ReportSummary, resultLines } from '../../cli/results.ts';

const aRow = (label: string, change: Partial<ReportSummary['results'][number]> = {}) => ({
  label,
  benchmark: 'held-out',
  problems: 200,
  greedy: { value: 0.5, low: 0.43, high: 0.57 },
  passAt1: { value: 0.4, low: null, high: null },
  completionTokens: 25.04,
  backtracks: 0,
  ...change,
});

test('the results are a table with the known intervals, followed by the headline of the report', () => {
  const headline = { sentence: 'Nothing is decided.', details: ['One seed.'] };
  expect(
    resultLines({
      headline,
      results: [aRow('base'), aRow('astro RL', { benchmark: null, greedy: { value: null, low: null, high: null } })],
    }),
  ).toEqual([
    'policy    benchmark  problems  pass@1               greedy  tokens  backtracks',
    'base      held-out        200    40.0  50.0 (43.0 to 57.0)    25.0         0.0',
    'astro RL  all             200    40.0                    -    25.0         0.0',
    '',
    'Nothing is decided.',
    '- One seed.',
  ]);
});
