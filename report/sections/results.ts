import { armColour } from '../charts/draw.ts';
import { accuracyChart } from '../charts/intervals.ts';
import { decimal, percent, pValue, several } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { Comparison, Report, ResultRow } from '../report-schema.ts';
import { differenceCell, figure, htmlTable, section, shareCell } from './parts.ts';

/** The results table, a chart of each accuracy, and the paired differences. */
export async function resultsSection(report: Report): Promise<Markup> {
  const { results, comparisons } = report;
  if (results.length === 0) return section('results', 'Results', html`<p>No evaluation was given to the report.</p>`);
  const benchmarks = [...new Set(results.map(({ benchmark }) => benchmark))];
  const parts = await Promise.all(
    benchmarks.map(async (benchmark) => {
      const here = <T extends { benchmark: string | null }>(items: readonly T[]) =>
        items.filter((item) => item.benchmark === benchmark);
      return html`${benchmarks.length > 1 ? html`<h3>${nameOf(benchmark)}</h3>` : null}${await oneBenchmark(report, here(results))}${differences(here(comparisons), 'arms')}${differences(here(comparisons), 'training')}`;
    }),
  );
  return section('results', 'Results', explanation(report), parts);
}

const nameOf = (benchmark: string | null): string => benchmark ?? 'All benchmarks together';

function explanation({ results, confidence, bootstrapResamples }: Report): Markup {
  const samples = Math.max(...results.map(({ samplesPerProblem }) => samplesPerProblem));
  const unjudged = results.filter(({ benchmark }) => benchmark !== null).reduce((sum, row) => sum + row.unjudged, 0);
  return html`<p>pass@1 is the mean over ${several(samples, 'sample')} a problem; maj@${samples} asks whether the most frequent answer is right.
Below each value is its ${percent(confidence, 0)} interval: Wilson’s for greedy accuracy, the percentile bootstrap over problems (${bootstrapResamples.toLocaleString('en-GB')} resamples) for the others.
${unjudged > 0 ? `The verifier could not judge ${several(unjudged, 'completion')}; every accuracy leaves them out.` : ''}</p>`;
}

async function oneBenchmark({ arms, results: all }: Report, rows: readonly ResultRow[]): Promise<Markup> {
  const pictures = await Promise.all([
    accuracyChart(rows, arms, 'passAt1', 'pass@1'),
    accuracyChart(rows, arms, 'greedy', 'Greedy accuracy'),
  ]);
  const captions = ['pass@1', 'Greedy accuracy'];
  const samples = Math.max(...all.map(({ samplesPerProblem }) => samplesPerProblem));
  const problems = Math.max(...rows.map((row) => row.problems));
  const headings = ['Policy', 'Greedy', 'pass@1', `maj@${samples}`, 'Tokens', 'Backtracks', 'Cut off'];
  const cells = rows.map((row) => [
    html`<span class="swatch" style="background:${armColour(arms, row.arm)}"></span>${row.label}`,
    shareCell(row.greedy),
    shareCell(row.passAt1),
    shareCell(row.majority),
    row.completionTokens === null ? null : decimal(row.completionTokens, 1),
    row.backtracks === null ? null : decimal(row.backtracks),
    row.truncated === null ? null : percent(row.truncated),
  ]);
  return html`<div class="figures">${pictures.map((picture, at) => (picture === null ? null : figure(picture, captions[at] ?? '')))}</div>
${htmlTable(`${nameOf(rows[0]?.benchmark ?? null)}: ${several(problems, 'problem')}. Tokens, backtracks and the share cut off by the length limit are means per completion.`, headings, cells)}`;
}

const TITLES = {
  arms: 'Between the arms, on the same problems (first minus second, in percentage points)',
  training: 'What each training added, on the same problems (in percentage points)',
};

function differences(comparisons: readonly Comparison[], about: Comparison['about']): Markup | null {
  const rows = comparisons.filter((comparison) => comparison.about === about);
  if (rows.length === 0) return null;
  const headings = ['Policies', 'pass@1', 'Greedy', 'Only first', 'Only second', 'McNemar p'];
  return htmlTable(
    TITLES[about],
    headings,
    rows.map(({ firstLabel, secondLabel, passAt1, greedy, mcnemar }) => [
      `${firstLabel} − ${secondLabel}`,
      differenceCell(passAt1),
      differenceCell(greedy),
      mcnemar === null ? null : String(mcnemar.onlyFirst),
      mcnemar === null ? null : String(mcnemar.onlySecond),
      mcnemar === null ? null : pValue(mcnemar.p),
    ]),
  );
}
