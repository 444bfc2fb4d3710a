import { ARROW_HEADS } from './graphs/draw.ts';
import { html, type Markup, trusted } from './html.ts';
import type { PublishedReport, Report } from './report-schema.ts';
import { accountSection } from './sections/account.ts';
import { correlationSection } from './sections/correlation.ts';
import { curatedSection } from './sections/curated.ts';
import { curriculumSection } from './sections/curriculum.ts';
import { dataSection } from './sections/data.ts';
import { graphsSection } from './sections/graphs.ts';
import { fact, headlineSection } from './sections/headline.ts';
import { resultsSection } from './sections/results.ts';
import { searchSection } from './sections/search.ts';
import { provenanceSection, stagesSection } from './sections/stages.ts';
import { trainingSection } from './sections/training.ts';
import { STYLE } from './style.ts';

/** Sections after the headline, in order, by `id`. */
export const SECTIONS = {
  results: 'Results',
  training: 'Training',
  curriculum: 'Curriculum',
  correlation: 'Backtracks',
  search: 'Search',
  curated: 'Curated',
  graphs: 'Graphs',
  data: 'Data',
} as const;

/** Sections about the campaign. They are added when its report is published. */
export const CAMPAIGN_SECTIONS = { stages: 'Time', account: 'Account', provenance: 'Provenance' } as const;

/**
 * Placeholders for what belongs to one campaign. All other text of the page is escaped, so it cannot contain one of
 * them.
 */
export const PLACEHOLDERS = {
  facts: '<!-- the campaign -->',
  links: '<!-- links of the campaign -->',
  sections: '<!-- sections of the campaign -->',
} as const;

/** Loads nothing from elsewhere and runs no script: style and pictures are part of the page. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** The report as one self-contained page, with {@link PLACEHOLDERS} for its campaign. */
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
${headlineSection(report, trusted(PLACEHOLDERS.facts))}
<nav aria-label="Sections"><ul>${links(SECTIONS)}${trusted(PLACEHOLDERS.links)}</ul></nav>
${await resultsSection(report)}
${await trainingSection(report)}
${await curriculumSection(report)}
${await correlationSection(report)}
${searchSection(report)}
${curatedSection(report)}
${graphsSection(report)}
${dataSection(report)}
${trusted(PLACEHOLDERS.sections)}
</main>
</body>
</html>
`;
  return page.text;
}

/**
 * Fills the placeholders of a page from {@link renderPage}: the campaign's name and date, times, account, keys and
 * settings.
 */
export function publishedPage(page: string, report: PublishedReport): string {
  const { id, publishedAt } = report.campaign;
  const contents: Readonly<Record<keyof typeof PLACEHOLDERS, Markup>> = {
    facts: html`${fact('Campaign', id)}${fact('Published (UTC)', publishedAt.slice(0, 16).replace('T', ' '))}`,
    links: html`${links(CAMPAIGN_SECTIONS)}`,
    sections: html`${stagesSection(report)}${accountSection(report.run)}${provenanceSection(report)}`,
  };
  const placeholders = Object.entries(PLACEHOLDERS) as [keyof typeof PLACEHOLDERS, string][];
  return placeholders.reduce((text, [name, placeholder]) => text.replace(placeholder, () => contents[name].text), page);
}

const links = (sections: Readonly<Record<string, string>>): Markup[] =>
  Object.entries(sections).map(([id, title]) => html`<li><a href="#${id}">${title}</a></li>`);
