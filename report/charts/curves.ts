import type { TopLevelSpec } from 'vega-lite';
import type { Markup } from '../html.ts';
import type { CurvePoint, TrainingCurve } from '../report-schema.ts';
import { lightWindow, movingMean } from '../statistics/smoothing.ts';
import { armColour, drawChart } from './draw.ts';

export type CurveField = Exclude<keyof CurvePoint, 'optimizerStep'>;

/**
 * One quantity over optimizer steps, with a line for each arm: the raw values faint, a moving mean over them. Null when
 * there are no values.
 */
export async function curveChart(
  curves: readonly TrainingCurve[],
  arms: readonly string[],
  field: CurveField,
  title: string,
): Promise<Markup | null> {
  const values = curves.flatMap((curve) => valuesOf(curve, field));
  if (values.length === 0) return null;
  const names = [...new Set(curves.map(({ arm }) => arm ?? 'base'))];
  const colour = {
    field: 'arm',
    type: 'nominal',
    scale: { domain: names, range: names.map((arm) => armColour(arms, arms.includes(arm) ? arm : null)) },
  };
  const x = {
    field: 'step',
    type: 'quantitative',
    title: 'optimizer step',
    scale: { nice: false },
    axis: { tickCount: 5, format: 'd' },
  };
  const y = (of: string) => ({
    field: of,
    type: 'quantitative',
    title: null,
    scale: { zero: false },
    axis: { tickCount: 4 },
  });
  const spec = {
    width: 254,
    height: 180,
    data: { values },
    layer: [
      {
        mark: { type: 'line', strokeWidth: 1, opacity: 0.28 },
        encoding: { x, y: y('raw'), color: colour },
      },
      { mark: { type: 'line', strokeWidth: 2 }, encoding: { x, y: y('smooth'), color: colour } },
    ],
  } as TopLevelSpec;
  return drawChart(spec, `${title} over optimizer steps for ${names.join(' and ')}. ${trend(values)}`);
}

interface Value {
  readonly arm: string;
  readonly step: number;
  readonly raw: number;
  readonly smooth: number;
}

function valuesOf({ arm, points }: TrainingCurve, field: CurveField): Value[] {
  const known = points.flatMap((point) => {
    const raw = point[field];
    return raw === null ? [] : [{ step: point.optimizerStep, raw }];
  });
  const smooth = movingMean(
    known.map(({ raw }) => raw),
    lightWindow(known.length),
  );
  return known.map(({ step, raw }, at) => ({ arm: arm ?? 'base', step, raw, smooth: smooth[at] ?? raw }));
}

/** First and last smoothed value of each line, as text. */
function trend(values: readonly Value[]): string {
  return [...Map.groupBy(values, ({ arm }) => arm)]
    .map(([arm, line]) => `${arm}: from ${line[0]?.smooth.toFixed(2)} to ${line.at(-1)?.smooth.toFixed(2)}.`)
    .join(' ');
}
