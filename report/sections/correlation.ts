import { armColour } from '../charts/draw.ts';
import { scatterChart } from '../charts/scatter.ts';
import { backtracksAndReward } from '../facts/curves.ts';
import { decimal, percent, several } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { Correlation, Report } from '../report-schema.ts';
import { figure, htmlTable, numberCell, section } from './parts.ts';

const OVER = {
  'rl-steps': 'RL steps: backtracks per completion and mean reward',
  problems: 'Problems after RL: backtracks and pass rate',
};

/** Whether backtracks and accuracy are correlated. */
export async function correlationSection({ correlations, curves, arms, confidence }: Report): Promise<Markup> {
  if (correlations.length === 0) {
    return section('correlation', 'Backtracks and accuracy', html`<p>There is no RL stage to correlate over.</p>`);
  }
  const missing = correlations.filter(({ r }) => r.value === null);
  const pictures = await Promise.all(
    correlations
      .filter(({ over, r }) => over === 'rl-steps' && r.value !== null)
      .map(async ({ arm, r }) => {
        const curve = curves.find((each) => each.kind === 'rl' && each.arm === arm);
        const title = `${arm}: r = ${decimal(r.value ?? 0)} over ${several(r.n, 'step')}`;
        const description = `Backtracks per completion against mean reward over the RL steps of ${title}.`;
        return figure(
          await scatterChart(backtracksAndReward(curve ?? { points: [] }), armColour(arms, arm), description),
          title,
        );
      }),
  );
  return section(
    'correlation',
    'Backtracks and accuracy',
    html`<p>Pearson’s r with its ${percent(confidence, 0)} interval by Fisher’s transformation. Successive optimizer steps resemble each other, and both quantities drift
during training. So over steps the true interval is wider than the one shown, and r says nothing about causes. Pale points are early steps.</p>`,
    pictures.length > 0 ? html`<div class="figures">${pictures}</div>` : null,
    htmlTable(
      'Correlation of backtracks and accuracy',
      ['Arm', 'Over', 'n', 'r'],
      correlations.map(({ arm, over, r }) => [arm, OVER[over], r.n, numberCell(r, decimal)]),
    ),
    missing.length > 0
      ? html`<ul class="notes">${missing.map((each) => html`<li>${notComputed(each)}</li>`)}</ul>`
      : null,
  );
}

const notComputed = ({ arm, over, r }: Correlation): string =>
  `${arm}, over ${over === 'rl-steps' ? 'RL steps' : 'problems'}: r cannot be computed, because ${r.reason}.`;
