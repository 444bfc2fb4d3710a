import type { TopLevelSpec } from 'vega-lite';
import type { Markup } from '../html.ts';
import type { Point } from '../statistics/pearson.ts';
import { drawChart } from './draw.ts';

/** Backtracks against reward, with a point for each optimizer step. Early steps are pale. */
export async function scatterChart(points: readonly Point[], colour: string, description: string): Promise<Markup> {
  const values = points.map(([x, y], at) => ({ x, y, opacity: 0.25 + (0.75 * at) / Math.max(1, points.length - 1) }));
  const axis = (field: string, title: string) => ({
    field,
    type: 'quantitative',
    title,
    scale: { zero: false },
    axis: { tickCount: 5 },
  });
  const spec = {
    width: 290,
    height: 200,
    data: { values },
    mark: { type: 'circle', size: 34, fill: colour },
    encoding: {
      x: axis('x', 'backtracks per completion'),
      y: axis('y', 'mean reward'),
      opacity: { field: 'opacity', type: 'quantitative', scale: null },
    },
  } as TopLevelSpec;
  return drawChart(spec, description);
}
