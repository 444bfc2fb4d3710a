import type { TopLevelSpec } from 'vega-lite';
import { describeShare } from '../format.ts';
import type { Markup } from '../html.ts';
import type { ResultRow } from '../report-schema.ts';
import { armColour, drawChart } from './draw.ts';

/** Accuracies on one benchmark as dots with their intervals, with a row for each policy. Null when there are none. */
export async function accuracyChart(
  rows: readonly ResultRow[],
  arms: readonly string[],
  field: 'passAt1' | 'greedy',
  title: string,
): Promise<Markup | null> {
  const values = rows.flatMap(({ label, arm, [field]: estimate }) => {
    const { value, low, high } = estimate;
    return value === null
      ? []
      : [{ label, colour: armColour(arms, arm), value, low: low ?? value, high: high ?? value }];
  });
  if (values.length === 0) return null;
  const y = {
    field: 'label',
    type: 'nominal',
    title: null,
    sort: null,
    axis: { grid: false, labelFontSize: 12, labelColor: 'var(--ink)', labelPadding: 10 },
  };
  const domain = sharedDomain(rows);
  const axis = { format: '.0%', tickCount: 4, grid: true, domain: false, ticks: false };
  const x = (of: string) => ({
    field: of,
    type: 'quantitative',
    title: null,
    scale: { domain, nice: false },
    axis,
  });
  const colour = { field: 'colour', type: 'nominal', scale: null };
  const spec = {
    width: 330,
    height: { step: 30 },
    data: { values },
    layer: [
      {
        mark: { type: 'rule', strokeWidth: 2, opacity: 0.55, strokeCap: 'round' },
        encoding: { y, x: x('low'), x2: { field: 'high' }, color: colour },
      },
      { mark: { type: 'circle', size: 90, opacity: 1 }, encoding: { y, x: x('value'), color: colour } },
      {
        mark: { type: 'text', dy: -10, fontSize: 11, fill: 'var(--ink-2)' },
        encoding: { y, x: x('value'), text: { field: 'value', type: 'quantitative', format: '.1%' } },
      },
    ],
  } as TopLevelSpec;
  const described = rows.map((row) => `${row.label} ${describeShare(row[field])}`).join('; ');
  return drawChart(spec, `${title}: ${described}.`);
}

/** One scale for all accuracies of a benchmark, so that its charts can be compared. It ends at tenths. */
function sharedDomain(rows: readonly ResultRow[]): [low: number, high: number] {
  const ends = rows.flatMap(({ passAt1, greedy }) =>
    [passAt1, greedy].flatMap(({ value, low, high }) => [low ?? value ?? [], high ?? value ?? []].flat()),
  );
  return [Math.floor(10 * Math.min(...ends)) / 10, Math.ceil(10 * Math.max(...ends)) / 10];
}
