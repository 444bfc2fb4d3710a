import { percent } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { Report } from '../report-schema.ts';

const VERDICTS: Record<Report['headline']['verdict'], string> = {
  for: 'ahead',
  against: 'behind',
  undecided: 'undecided',
  'not-compared': 'not compared',
};

/** One fact of the list below the title. */
export const fact = (name: string, value: string): Markup => html`<div><dt>${name}</dt><dd>${value}</dd></div>`;

/**
 * What was compared, and the result. `report/facts/headline.ts` writes its sentences.
 * @param campaign - facts of the campaign, or a placeholder for them
 */
export function headlineSection(report: Report, campaign: Markup): Markup {
  const { headline, domain, policy, seed, arms, confidence } = report;
  const [first = '', ...others] = arms;
  const title = others.length > 0 ? `${first} against ${others.join(' and ')}` : first;
  const outcome =
    headline.verdict === 'for' || headline.verdict === 'against'
      ? `${first} is ${VERDICTS[headline.verdict]}`
      : VERDICTS[headline.verdict];
  const facts: [string, string][] = [
    ['Domain', domain.name],
    ['Model', policy.name],
    ['Seed', String(seed)],
    ['Intervals', percent(confidence, 0)],
  ];
  return html`<header><p class="eyebrow">Campaign report</p><h1>${title}</h1>
<dl class="facts">${campaign}${facts.map(([name, value]) => fact(name, value))}</dl>
<section id="headline" aria-label="What the experiment says" class="finding"><p class="outcome ${headline.verdict}">${outcome}</p>
<p class="lead">${headline.sentence}</p>
${headline.details.length > 0 ? html`<ul>${headline.details.map((detail) => html`<li>${detail}</li>`)}</ul>` : null}</section></header>`;
}
