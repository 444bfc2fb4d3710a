import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { inProject } from '../config/paths.ts';
import type { Machine } from '../dev/machine.ts';
import { type Findings, type Verdict, verdictOf } from './benchmark.ts';

/** `bench/results/<name>.json`: one run of a benchmark, which alone writes this file. */
export interface Result extends Findings {
  readonly name: string;
  readonly question: string;
  readonly method: string;
  readonly verdict: Verdict;
  readonly ranAt: string;
  readonly seconds: number;
  readonly full: boolean;
  readonly machine: Machine;
  /** Load average of one minute. The value before the run is the load of other programs. */
  readonly load: { readonly before: number; readonly after: number };
}

const FOLDER = inProject('bench', 'results');

export function resultOf(facts: Omit<Result, keyof Findings | 'verdict'>, findings: Findings): Result {
  const { name, question, method, ...circumstances } = facts;
  return { name, question, method, verdict: verdictOf(findings.goals), ...circumstances, ...findings };
}

export function writeResult(result: Result): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(`${FOLDER}/${result.name}.json`, `${JSON.stringify(result, null, 1)}\n`);
}

/** The last result of every benchmark, by name. */
export function readResults(): Map<string, Result> {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));
  const results = files.map((file) => JSON.parse(readFileSync(`${FOLDER}/${file}`, 'utf8')) as Result);
  return new Map(results.map((result) => [result.name, result]));
}
