import { passRateChart } from '../charts/histogram.ts';
import { count, percent, several } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { CurriculumFacts, Report } from '../report-schema.ts';
import { figure, htmlTable, section } from './parts.ts';

const REASONS: readonly [string, string][] = [
  ['kept', 'Kept'],
  ['too-easy', 'Too easy'],
  ['too-hard', 'Too hard'],
  ['over-target', 'Over target'],
];

/** Pass rates of the candidate prompts, and how many were kept. */
export async function curriculumSection({ curriculum, arms }: Report): Promise<Markup> {
  if (curriculum.length === 0)
    return section('curriculum', 'Curriculum', html`<p>No curriculum was given to the report.</p>`);
  const pictures = await Promise.all(
    curriculum.map(async (facts) => figure(await passRateChart(facts, arms), captionOf(facts))),
  );
  return section(
    'curriculum',
    'Curriculum',
    html`<p>RL trains on prompts that the arm’s SFT policy solves sometimes. The window is shaded; kept prompts are in full colour.</p>`,
    html`<div class="figures">${pictures}</div>`,
    htmlTable(
      'Candidate prompts by decision',
      ['Arm', 'Candidates', ...REASONS.map(([, title]) => title)],
      curriculum.map(({ arm, prompts, reasons }) => [
        arm,
        count(prompts),
        ...REASONS.map(([reason]) => count(reasons[reason] ?? 0)),
      ]),
    ),
  );
}

function captionOf({ arm, prompts, window, reasons }: CurriculumFacts): string {
  const kept = `${arm}: ${count(reasons.kept ?? 0)} of ${several(prompts, 'prompt')} kept`;
  return window === null ? kept : `${kept}, window ${percent(window.min, 0)} to ${percent(window.max, 0)}`;
}
