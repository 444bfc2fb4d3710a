import { ARROW_HEADS } from './graphs/draw.ts';
import { html, trusted } from './html.ts';
import type { Report } from './report-schema.ts';
import { ACCOUNT_LINK, ACCOUNT_PLACE } from './sections/account.ts';
import { correlationSection } from './sections/correlation.ts';
import { curatedSection } from './sections/curated.ts';
import { curriculumSection } from './sections/curriculum.ts';
import { dataSection } from './sections/data.ts';
import { graphsSection } from './sections/graphs.ts';
import { headlineSection } from './sections/headline.ts';
import { resultsSection } from './sections/results.ts';
import { searchSection } from './sections/search.ts';
import { provenanceSection, stagesSection } from './sections/stages.ts';
import { trainingSection } from './sections/training.ts';
import { STYLE } from './style.ts';

/** Sections after the headline, in order, by their `id`. */
export const SECTIONS = {
  results: 'Results',
  training: 'Training',
  curriculum: 'Curriculum',
  correlation: 'Backtracks',
  search: 'Search',
  curated: 'Curated',
  graphs: 'Graphs',
  data: 'Data',
  stages: 'Time',
  provenance: 'Provenance',
} as const;

/** Nothing from anywhere else is loaded, and nothing is run: style and pictures stand in the page. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** The report as one self-contained page. */
export async function renderPage(report: Report): Promise<string> {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${report.arms.join(' against ')} on ${report.domain.name}, seed ${report.seed}</title>
<link rel="icon" href="data:,">
<style>${trusted(STYLE)}</style>
</head>
<body>
${ARROW_HEADS}
<main>
${headlineSection(report)}
<nav aria-label="Sections"><ul>${Object.entries(SECTIONS).map(([id, title]) => html`<li><a href="#${id}">${title}</a></li>`)}${trusted(ACCOUNT_LINK)}</ul></nav>
${await resultsSection(report)}
${await trainingSection(report)}
${await curriculumSection(report)}
${await correlationSection(report)}
${searchSection(report)}
${curatedSection(report)}
${graphsSection(report)}
${dataSection(report)}
${stagesSection(report)}
${trusted(ACCOUNT_PLACE)}
${provenanceSection(report)}
</main>
</body>
</html>
`;
  return page.text;
}
