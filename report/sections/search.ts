import type { Counts } from '../../spec/manifest.ts';
import { count, percent, plain } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { Report } from '../report-schema.ts';
import { htmlTable, section } from './parts.ts';

/** What the search found, and how it became solutions. */
export function searchSection({ search, cloning }: Report): Markup {
  const tables = [
    search === null ? null : countsTable('Search', [['All arms', search]]),
    countsOfArms(
      'Linearisation: trees to traces',
      cloning.map(({ arm, linearise }) => [arm, linearise]),
    ),
    countsOfArms(
      'Rewriting: traces to solutions',
      cloning.map(({ arm, rewrite }) => [arm, rewrite]),
    ),
    solutionsByK(cloning),
  ];
  return section(
    'search',
    'Search and procedure cloning',
    search === null ? html`<p>No search was given to the report.</p>` : solvedShare(search),
    html`<div class="tables">${tables}</div>`,
  );
}

function solvedShare({ problems, solved }: Counts): Markup | null {
  if (problems === undefined || solved === undefined || problems === 0) return null;
  return html`<p>The search found a right solution for ${count(solved)} of ${count(problems)} problems (${percent(solved / problems)}).</p>`;
}

function countsOfArms(title: string, arms: readonly (readonly [string, Counts | null])[]): Markup | null {
  const known = arms.flatMap(([arm, counts]): [string, Counts][] => (counts === null ? [] : [[arm, counts]]));
  return known.length === 0 ? null : countsTable(title, known);
}

/** Counts as in the manifests, with a row for each count. A count that an arm does not have is a dash. */
function countsTable(title: string, columns: readonly (readonly [string, Counts])[]): Markup {
  const names = [...new Set(columns.flatMap(([, counts]) => Object.keys(counts)))];
  return htmlTable(
    title,
    ['Count', ...columns.map(([name]) => name)],
    names.map((name) => [
      plain(name),
      ...columns.map(([, counts]) => (counts[name] === undefined ? null : count(counts[name]))),
    ]),
  );
}

function solutionsByK(cloning: Report['cloning']): Markup | null {
  const ks = [...new Set(cloning.flatMap(({ solutionsByK }) => Object.keys(solutionsByK)))].toSorted(
    (a, b) => Number(a) - Number(b),
  );
  if (ks.length === 0) return null;
  return htmlTable(
    'Solutions by k, the wrong branches in them',
    ['Arm', ...ks.map((k) => `k = ${k}`)],
    cloning.map(({ arm, solutionsByK }) => [arm, ...ks.map((k) => count(solutionsByK[k] ?? 0))]),
  );
}
