import { type CurveField, curveChart } from '../charts/curves.ts';
import { armColour } from '../charts/draw.ts';
import { decimal } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { CurvePoint, Report, TrainingCurve } from '../report-schema.ts';
import { figure, folded, htmlTable, legend, section } from './parts.ts';

const RL_FIELDS: readonly [CurveField, string][] = [
  ['reward', 'Mean reward'],
  ['completionTokens', 'Completion length in tokens'],
  ['backtracks', 'Backtracks per completion'],
];

/** Most rows of a curve's table. Nobody reads more. */
const TABLE_ROWS = 12;

/** Curves of SFT and RL. */
export async function trainingSection({ curves, arms }: Report): Promise<Markup> {
  const of = (kind: TrainingCurve['kind']) => curves.filter((curve) => curve.kind === kind && curve.points.length > 0);
  const pictures = async (kind: TrainingCurve['kind'], fields: readonly [CurveField, string][]) => {
    const drawn = await Promise.all(
      fields.map(async ([field, title]) => ({ title, picture: await curveChart(of(kind), arms, field, title) })),
    );
    return drawn.flatMap(({ title, picture }) => (picture === null ? [] : figure(picture, title)));
  };
  const rl = await pictures('rl', RL_FIELDS);
  const losses = [
    ...(await pictures('sft', [['loss', 'SFT: loss']])),
    ...(await pictures('rl', [['loss', 'RL: loss']])),
    ...(await pictures('pretrain', [['loss', 'Pretraining: loss']])),
  ];
  if (rl.length + losses.length === 0) {
    return section('training', 'Training', html`<p>No trainer’s metrics were given to the report.</p>`);
  }
  return section(
    'training',
    'Training',
    html`<p>Faint lines are the values as logged, full lines a light moving mean. Where an attempt was resumed, each step counts once, as its last attempt wrote it.</p>`,
    legend(arms.map((arm) => ({ name: arm, colour: armColour(arms, arm) }))),
    rl.length > 0 ? html`<h3>Reinforcement learning</h3><div class="figures">${rl}</div>` : null,
    losses.length > 0 ? html`<h3>Losses</h3><div class="figures">${losses}</div>` : null,
    folded('Numbers behind the curves', ...curves.map(numbersOf)),
  );
}

function numbersOf({ stage, points }: TrainingCurve): Markup {
  const write = (value: number | null, digits = 3) => (value === null ? null : decimal(value, digits));
  return htmlTable(
    stage,
    ['Optimizer step', 'Loss', 'Reward', 'Tokens', 'Backtracks'],
    thinned(points).map((point) => [
      point.optimizerStep,
      write(point.loss),
      write(point.reward),
      write(point.completionTokens, 1),
      write(point.backtracks),
    ]),
  );
}

/** The first point, the last one, and evenly spaced points between them. */
function thinned(points: readonly CurvePoint[]): CurvePoint[] {
  if (points.length <= TABLE_ROWS) return [...points];
  const at = Array.from({ length: TABLE_ROWS }, (_, row) => Math.round((row * (points.length - 1)) / (TABLE_ROWS - 1)));
  return at.flatMap((index) => points[index] ?? []);
}
