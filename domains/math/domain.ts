import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { Domain } from '../../stages/domain.ts';
import { leakedPhrase } from '../faults.ts';
import phrases from './phrases.json' with { type: 'json' };

const BLANK_LINE = '\n\n';
const PROMPTS = { solve: prompt('solve'), selfEvaluate: prompt('self-evaluate'), rewrite: prompt('rewrite') };
/** Longest place name, in UTF-16 code units: a name is to be recognised, not read again. *Ours*. */
const LONGEST_PLACE = 80;

/**
 * Mathematics in prose and TeX. A step is a paragraph and ends with its blank line; the terminal step is the paragraph that holds
 * `\boxed{...}`. Prompts are the files of `prompts/`.
 */
export const domain: Domain = {
  name: 'math',
  settings: z.strictObject({}),
  prompts: {
    solve: (problem) => fill(PROMPTS.solve, { problem }),
    selfEvaluate: (problem, steps) =>
      fill(PROMPTS.selfEvaluate, { problem, steps: joinParagraphs(steps).trim() }).trimEnd(),
    rewrite: (problem, written, step) =>
      fill(PROMPTS.rewrite, { problem, written: written.trim() || '(nothing yet)', step: step.trim() }).trimEnd(),
  },
  stepStops: [BLANK_LINE],
  rewriteStops: [BLANK_LINE],
  join: joinParagraphs,
  splitSteps: (completion) =>
    completion
      .trimStart()
      .split(/(?<=\n[ \t]*\n\s*)(?=\S)/)
      .flatMap(splitOffAnswer)
      .map((step) => step.replace(/\n[ \t]*\n\s*$/, BLANK_LINE))
      .filter((step) => step.trim() !== ''),
  isTerminal,
  placeAfter,
  approves: (selfEvaluation) => /verdict:\W*(\w+)/i.exec(selfEvaluation)?.[1]?.toLowerCase() === 'correct',
  answering: (reference) => `The final answer is \\boxed{${reference}}.`,
  faultOfRewrite(step, rewritten) {
    const leaked = leakedPhrase(phrases, rewritten);
    if (leaked !== null) return `it holds the phrase "${leaked}"`;
    if (isTerminal(rewritten)) return 'it states the final answer';
    const kept = new Set(numbersOf(rewritten));
    const lost = numbersOf(step).find((number) => !kept.has(number));
    return lost === undefined ? null : `it has lost the number ${lost}`;
  },
};

/** Joins with a blank line wherever the left part brings none. */
function joinParagraphs(parts: readonly string[]): string {
  return parts
    .filter((part) => part !== '')
    .reduce((text, part) => (text === '' || text.endsWith(BLANK_LINE) ? text + part : text + BLANK_LINE + part), '');
}

function isTerminal(step: string): boolean {
  return /\\boxed\s*\{/.test(step);
}

/** Divides a paragraph that reasons and answers into both, before the sentence with the box, so that the reasoning can be rewritten. */
function splitOffAnswer(paragraph: string): string[] {
  const box = paragraph.search(/\\boxed\s*\{/);
  if (box < 0) return [paragraph];
  const ends = [...paragraph.slice(0, box).matchAll(/(?<=[.!?])\s+(?=[A-Z\\$])/g)];
  const last = ends.at(-1);
  if (last === undefined) return [paragraph];
  return [paragraph.slice(0, last.index), paragraph.slice(last.index + last[0].length)];
}

/** The first sentence without its full stop, shortened at a word and outside of TeX mathematics. */
function placeAfter(step: string): string {
  const line = step.trim().replace(/\s+/g, ' ');
  const sentence = /^(.+?)[.!?:](?=\s|$)/.exec(line)?.[1] ?? line;
  if (sentence.length <= LONGEST_PLACE) return sentence;
  const cuts = [...sentence.matchAll(/ /g)]
    .map(({ index }) => sentence.slice(0, index))
    .filter((cut) => cut.length <= LONGEST_PLACE && (cut.match(/\$/g) ?? []).length % 2 === 0);
  return `${cuts.at(-1) ?? sentence.slice(0, LONGEST_PLACE)}...`;
}

const numbersOf = (text: string): string[] => text.match(/\d+(?:\.\d+)?/g) ?? [];

function prompt(name: string): string {
  return readFileSync(new URL(`./prompts/${name}.md`, import.meta.url), 'utf8');
}

/** A prompt with its `{names}` filled in, in one pass: TeX of a problem is never taken for a name. */
function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{([a-z]+)\}/g, (whole, name: string) => values[name] ?? whole);
}
