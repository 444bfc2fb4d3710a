import { inProject } from '../config/paths.ts';
import { machineText } from '../dev/machine.ts';
import { tableOf } from '../dev/markdown.ts';
import type { Goal } from './benchmark.ts';
import type { Result } from './result.ts';

export const PAGE = inProject('docs', 'benchmarks.md');

/** `docs/benchmarks.md`: what the last run of each benchmark found. Every number on it is from bench/results/. */
export function benchmarkPage(results: readonly Result[]): string {
  return [
    '# Benchmarks',
    '',
    'Written by `npm run bench` from `bench/results/`; `npm run bench -- NAME` runs one of them. A benchmark is a file of `bench/`: it says what is asked, how it',
    'is measured and what answer is wanted, and takes its baseline in the same run. Times depend on the machine and on what else runs there: each result names both.',
    '',
    tableOf(
      ['benchmark', 'asks', 'verdict'],
      results.map(({ name, question, verdict }) => [`[${name}](#${name})`, question, verdict]),
    ),
    ...results.flatMap(section),
    '',
  ].join('\n');
}

/** One result, for the page and for the terminal. */
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
    tableOf(['wanted', 'target', 'measured', ''], goals.map(goalRow)),
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
  met === null ? 'as it fell' : met ? 'met' : '**not met**',
];

/** Lines of a text in the source are not lines of the page. */
const paragraphs = (text: string): string[] =>
  text.split('\n\n').flatMap((paragraph, index) => [...(index === 0 ? [] : ['']), paragraph.replaceAll('\n', ' ')]);
