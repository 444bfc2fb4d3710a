import type { CuratedCard, Lengths } from '../../spec/curated-card.ts';
import { count, percent, plain, several } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { Report } from '../report-schema.ts';
import { folded, htmlTable, section } from './parts.ts';

/** The cards of the curated sets: their content and lengths, what was dropped, and samples to read. */
export function curatedSection({ curated }: Report): Markup {
  if (curated.length === 0)
    return section('curated', 'Curated solutions', html`<p>No solutions were given to the report.</p>`);
  return section('curated', 'Curated solutions', curated.flatMap(cardOf));
}

function cardOf(card: CuratedCard): (Markup | null)[] {
  const { stage, solutions, dropped } = card;
  const share =
    solutions + dropped === 0 ? '' : ` (${percent(dropped / (solutions + dropped))} of the traces that were rewritten)`;
  return [
    html`<h3>${stage}</h3><p>${several(solutions, 'curated solution')}; ${count(dropped)} dropped${share}.</p>`,
    html`<div class="tables">${[
      groupsTable(`${stage}: by k, the wrong branches`, card.byK),
      groupsTable(`${stage}: by source`, card.bySource),
      groupsTable(`${stage}: by level`, card.byLevel),
      lengthsTable(card),
      reasonsTable(card),
    ]}</div>`,
    card.samples.length === 0 ? null : folded('Samples to read, drawn by seed', ...card.samples.map(sampleOf)),
  ];
}

function groupsTable(title: string, groups: CuratedCard['byK']): Markup | null {
  const rows = Object.entries(groups).map(([name, { solutions, dropped }]) => [name, count(solutions), count(dropped)]);
  return rows.length === 0 ? null : htmlTable(title, ['', 'Curated', 'Dropped'], rows);
}

function lengthsTable({ stage, characters, writtenTokens }: CuratedCard): Markup | null {
  if (characters === null) return null;
  const row = (name: string, { min, median, mean, p90, p99, max }: Lengths) => [
    name,
    ...[min, median, mean, p90, p99, max].map((value) => count(Math.round(value))),
  ];
  return htmlTable(
    `${stage}: lengths`,
    ['', 'Least', 'Median', 'Mean', '90 %', '99 %', 'Most'],
    [
      row('characters of the text', characters),
      ...(writtenTokens === null ? [] : [row('tokens written by the policy (no phrases, no answer)', writtenTokens)]),
    ],
  );
}

function reasonsTable({ stage, droppedByReason }: CuratedCard): Markup | null {
  const rows = Object.entries(droppedByReason).map(([reason, number]) => [plain(reason), count(number)]);
  return rows.length === 0 ? null : htmlTable(`${stage}: dropped by reason`, ['', 'Traces'], rows);
}

function sampleOf({ id, k, source, level, problem, text, isCut }: CuratedCard['samples'][number]): Markup {
  const of = [`k = ${k}`, source, ...(level === null ? [] : [`level ${level}`])].join(', ');
  return html`<h4>${id} (${of})</h4><p class="asked">${problem}</p><p class="solution">${text}${isCut ? ' ...' : ''}</p>`;
}
