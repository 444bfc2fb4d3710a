import { inProject } from '../config/paths.ts';
import { machineText } from '../dev/machine.ts';
import { tableOf } from '../dev/markdown.ts';
import type { Goal } from './benchmark.ts';
import type { Result } from './result.ts';

export const PAGE = inProject('docs', 'benchmarks.md');

/** `docs/benchmarks.md`: the last result of each benchmark. Every number on it comes from bench/results/. */
export function benchmarkPage(results: readonly Result[]): string {
  return [
    '# Benchmarks',
    '',
    '`npm run bench` writes this page from `bench/results/`. `npm run bench -- NAME` runs one benchmark.',
    '',
    'Each benchmark is a file in `bench/`. It states the question, the method and the targets, and measures its baseline in the same run. A value',
    'without a target is reported as measured. Times depend on the machine and on what else runs on it, so each result names both.',
    '',
    tableOf(
      ['benchmark', 'question', 'verdict'],
      results.map(({ name, question, verdict }) => [`[${name}](#${name})`, question, verdict]),
    ),
    ...results.flatMap(section),
    '',
  ].join('\n');
}

/** One result as Markdown, for the page and the terminal. */
export function section(result: Result): string[] {
  const { name, question, method, verdict, goals, tables, notes, ranAt, seconds, machine, load, full } = result;
  return [
    '',
    `## ${name}`,
    '',
    `${question} **${verdict}**`,
    '',
    ...paragraphs(method),
    '',
    tableOf(['goal', 'target', 'measured', ''], goals.map(goalRow)),
    ...tables.flatMap(({ title, columns, rows }) => ['', `${title}:`, '', tableOf(columns, rows)]),
    '',
    ...notes.flatMap((note) => [note, '']),
    `Measured on ${ranAt.slice(0, 16).replace('T', ' ')} UTC in ${Math.round(seconds)} s${full ? ', with --full' : ''}, on ${machineText(machine)}. Load average before ${load.before}, after ${load.after}.`,
  ];
}

const goalRow = ({ what, target, measured, met }: Goal): string[] => [
  what,
  target ?? 'none',
  measured,
  met === null ? 'no target' : met ? 'met' : '**not met**',
];

/** Joins the lines of each paragraph: line breaks of the source are not line breaks of the page. */
const paragraphs = (text: string): string[] =>
  text.split('\n\n').flatMap((paragraph, index) => [...(index === 0 ? [] : ['']), paragraph.replaceAll('\n', ' ')]);
