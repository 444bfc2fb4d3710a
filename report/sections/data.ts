import type { DataCard, DataStep } from '../../spec/data-card.ts';
import { count, plain } from '../format.ts';
import { html, type Markup } from '../html.ts';
import type { Report } from '../report-schema.ts';
import { folded, htmlTable, section } from './parts.ts';

/** Table headings for the steps of preparation. */
const STEPS: Readonly<Record<DataStep['step'], string>> = {
  records: 'Records',
  problems: 'Whole',
  answered: 'Answered',
  limited: 'Within limit',
  judgeable: 'Judgeable',
  unequal: 'Without equals',
  unlike: 'Without near equals',
  decontaminated: 'In no benchmark',
  kept: 'Kept',
};

/** The data card: where the problems come from, and how many are left after every step. */
export function dataSection({ data }: Report): Markup {
  if (data === null) return section('data', 'Data', html`<p>No data card was given to the report.</p>`);
  const { sets, setAside, suspects, files } = data;
  return section(
    'data',
    'Data',
    html`<div class="tables">${sets.map(({ set, steps }) => stepsTable(`${plain(set)}: what is left after each step`, steps, 'bySource'))}</div>`,
    folded(
      'By level, and what was set aside',
      html`<div class="tables">${[
        ...sets
          .filter(({ steps }) => steps.some(({ byLevel }) => Object.keys(byLevel).length > 0))
          .map(({ set, steps }) => stepsTable(`${plain(set)} by level`, steps, 'byLevel')),
        reasonsTable(setAside, suspects),
        filesTable(files),
      ]}</div>`,
    ),
  );
}

function stepsTable(title: string, steps: readonly DataStep[], by: 'bySource' | 'byLevel'): Markup {
  const names = [...new Set(steps.flatMap((step) => Object.keys(step[by])))].toSorted();
  const rows = names.map((name) => [name, ...steps.map((step) => count(step[by][name] ?? 0))]);
  const all = ['all', ...steps.map((step) => count(step.count))];
  return htmlTable(title, ['', ...steps.map(({ step }) => STEPS[step])], names.length > 1 ? [...rows, all] : [all]);
}

function reasonsTable(setAside: DataCard['setAside'], suspects: number): Markup | null {
  const rows = Object.entries(setAside).map(([reason, number]) => [`set aside: ${plain(reason)}`, count(number)]);
  const suspected = suspects > 0 ? [['share words with a benchmark, but are kept', count(suspects)]] : [];
  return rows.length + suspected.length === 0 ? null : htmlTable('Set aside', ['', 'Records'], [...rows, ...suspected]);
}

function filesTable(files: DataCard['files']): Markup | null {
  if (files.length === 0) return null;
  return htmlTable(
    'Files',
    ['Name', 'Set', 'Records', 'SHA-256'],
    files.map(({ name, set, records, sha256 }) => [name, set, count(records), sha256.slice(0, 16)]),
  );
}
