import type { TopLevelSpec } from 'vega-lite';
import { several } from '../format.ts';
import type { Markup } from '../html.ts';
import type { CurriculumFacts } from '../report-schema.ts';
import { armColour, drawChart } from './draw.ts';

/** Candidate prompts by pass rate. Kept prompts are in full colour, on the shaded window. */
export async function passRateChart(facts: CurriculumFacts, arms: readonly string[]): Promise<Markup> {
  const { bins, window, arm } = facts;
  const half = bins.length > 1 ? 0.5 / (bins.length - 1) : 0.5;
  const values = bins.flatMap(({ passRate, prompts, kept }) => [
    { from: passRate - half * 0.86, to: passRate + half * 0.86, low: 0, high: kept, opacity: 1 },
    { from: passRate - half * 0.86, to: passRate + half * 0.86, low: kept, high: prompts, opacity: 0.3 },
  ]);
  const domain = [-half, 1 + half];
  const x = (field: string) => ({
    field,
    type: 'quantitative',
    title: 'pass rate of the SFT policy',
    scale: { domain, nice: false },
    axis: { format: '.0%', values: [0, 0.25, 0.5, 0.75, 1] },
  });
  const shade = {
    data: { values: window === null ? [] : [{ from: window.min, to: window.max }] },
    mark: { type: 'rect', fill: 'var(--shade)' },
    encoding: { x: x('from'), x2: { field: 'to' } },
  };
  const bars = {
    data: { values },
    mark: { type: 'rect', fill: armColour(arms, arm) },
    encoding: {
      x: x('from'),
      x2: { field: 'to' },
      y: { field: 'low', type: 'quantitative', title: 'prompts', axis: { tickCount: 4, format: 'd' } },
      y2: { field: 'high' },
      opacity: { field: 'opacity', type: 'quantitative', scale: null },
    },
  };
  const spec = { width: 330, height: 180, layer: [shade, bars] } as TopLevelSpec;
  const kept = bins.reduce((sum, bin) => sum + bin.kept, 0);
  return drawChart(
    spec,
    `Pass rates of ${several(facts.prompts, 'candidate prompt')} of ${arm}; ${kept} of them are kept.`,
  );
}
