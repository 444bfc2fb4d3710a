import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { parseOrRefuse } from '../../spec/errors.ts';
import type { Domain } from '../domain.ts';
import { leakedPhrase } from '../faults.ts';
import { faultOfNumbers } from './numbers.ts';
import phrases from './phrases.json' with { type: 'json' };
import { leakedVerdict } from './verdicts.ts';

/** How a text is split into steps: `prompts/steps.json`. */
const Steps = z.strictObject({
  delimiter: z.string().min(1).describe('Separates two steps, and ends each step.'),
  stops: z
    .array(z.string().min(1))
    .min(1)
    .describe('Strings that end a step when the policy writes one; white space after them belongs to it.'),
  ends: z
    .array(z.string().min(1))
    .default([])
    .describe('Strings with which a policy begins another problem, as the examples of the prompt do.'),
});
const { delimiter: DELIMITER, stops: STOPS, ends: ENDS } = readSteps();
const STEP_END = stepEnd(STOPS);
const STEP_ENDS = new RegExp(STEP_END, 'g');
const AT_THE_END = new RegExp(`(?:${STEP_END})$`);
const PROMPTS = {
  solve: prompt('solve'),
  steps: prompt('steps'),
  selfEvaluate: prompt('self-evaluate'),
  rewrite: prompt('rewrite'),
};
/** Longest place name, in UTF-16 code units. A reader must recognise the place, not read it in full. *Ours*. */
const LONGEST_PLACE = 80;

/**
 * Mathematics in prose and TeX. A step is a paragraph and ends with a blank line; the terminal step is the paragraph
 * with `\boxed{...}`. The prompts and the strings that end a step are files in `prompts/`. They may be changed; a
 * change gives new keys to the stages that use them.
 */
export const domain: Domain = {
  name: 'math',
  settings: z.strictObject({}),
  generates: false,
  prompts: {
    solve: (problem) => fill(PROMPTS.solve, { problem }),
    steps: (problem) => fill(PROMPTS.steps, { problem }),
    selfEvaluate: (problem, steps) =>
      fill(PROMPTS.selfEvaluate, { problem, steps: joinParagraphs(steps).trim() }).trimEnd(),
    rewrite: (problem, written, step) =>
      fill(PROMPTS.rewrite, { problem, written: written.trim() || '(nothing yet)', step: step.trim() }).trimEnd(),
  },
  stepStops: STOPS,
  solutionStops: ENDS,
  rewriteStops: STOPS,
  join: joinParagraphs,
  splitSteps: (completion) =>
    divided(completion.trimStart())
      .flatMap(splitOffAnswer)
      .map((step) => step.replace(AT_THE_END, DELIMITER))
      .filter((step) => step.trim() !== ''),
  isTerminal,
  placeAfter,
  approves: (selfEvaluation) => /verdict:\W*(\w+)/i.exec(selfEvaluation)?.[1]?.toLowerCase() === 'correct',
  answering: (reference) => `The final answer is \\boxed{${reference}}.`,
  faultOfRewrite(asked, rewritten) {
    if (isTerminal(rewritten)) return { reason: 'answer', detail: 'it states the final answer' };
    return leakedPhrase(phrases, rewritten) ?? leakedVerdict(asked, rewritten) ?? faultOfNumbers(asked, rewritten);
  },
};

/** Joins the parts, with the delimiter where the left part does not end with it. */
function joinParagraphs(parts: readonly string[]): string {
  return parts
    .filter((part) => part !== '')
    .reduce((text, part) => (text === '' || text.endsWith(DELIMITER) ? text + part : text + DELIMITER + part), '');
}

/**
 * Pieces of a text, each with the end of its step. Matching is used because a lookbehind would be tried at every
 * character.
 */
function divided(text: string): string[] {
  const ends = [...text.matchAll(STEP_ENDS)].map(({ index, 0: end }) => index + end.length);
  return [0, ...ends].map((from, piece) => text.slice(from, ends[piece]));
}

function isTerminal(step: string): boolean {
  return /\\boxed\s*\{/.test(step);
}

/**
 * Splits a paragraph with reasoning and an answer before the sentence with the box, so that the reasoning can be
 * rewritten.
 */
function splitOffAnswer(paragraph: string): string[] {
  const box = paragraph.search(/\\boxed\s*\{/);
  if (box < 0) return [paragraph];
  const ends = [...paragraph.slice(0, box).matchAll(/(?<=[.!?])\s+(?=[A-Z\\$])/g)];
  const last = ends.at(-1);
  if (last === undefined) return [paragraph];
  return [paragraph.slice(0, last.index), paragraph.slice(last.index + last[0].length)];
}

/** The first sentence without its full stop. A long one is cut between words, outside of TeX mathematics. */
function placeAfter(step: string): string {
  const line = step.trim().replace(/\s+/g, ' ');
  const sentence = /^(.+?)[.!?:](?=\s|$)/.exec(line)?.[1] ?? line;
  if (sentence.length <= LONGEST_PLACE) return sentence;
  const cuts = [...sentence.matchAll(/ /g)]
    .map(({ index }) => sentence.slice(0, index))
    .filter((cut) => cut.length <= LONGEST_PLACE && (cut.match(/\$/g) ?? []).length % 2 === 0);
  return `${cuts.at(-1) ?? sentence.slice(0, LONGEST_PLACE)}...`;
}

function readSteps(): z.output<typeof Steps> {
  const file = new URL('./prompts/steps.json', import.meta.url);
  return parseOrRefuse(Steps, JSON.parse(readFileSync(file, 'utf8')), fileURLToPath(file));
}

/**
 * The end of a step as a regular expression: a stop string and the white space after it. A blank line may contain
 * blanks.
 */
function stepEnd(stops: readonly string[]): string {
  const literally = (stop: string) => stop.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return `(?:${stops.map((stop) => literally(stop).replaceAll('\n\n', '\n[ \t]*\n')).join('|')})\\s*`;
}

function prompt(name: string): string {
  return readFileSync(new URL(`./prompts/${name}.md`, import.meta.url), 'utf8');
}

/** A prompt with its `{names}` replaced, in one pass, so that the TeX of a problem is never taken for a name. */
function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{([a-z]+)\}/g, (whole, name: string) => values[name] ?? whole);
}
