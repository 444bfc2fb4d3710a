import { crc32 } from 'node:zlib';

/**
 * The text of the bench policy: solutions in steps, made up by rule, so that the same request has the same answer and what is right about it is
 * known. Stated, not learned:
 *
 * - a problem is solved in 4 to 9 steps, by its number; the step after them is the final answer;
 * - at every state there are {@link WAYS} next steps, drawn with probability in proportion to 1, 1/2, 1/3, ..., so that some samples repeat;
 * - one way in four is bad; an answer is right with probability 0.9 · 0.4^(bad ways on its path), else one of three wrong ones;
 * - a token is a word with the white space before it; a step has {@link STEP_WORDS} of them, an answer five;
 * - the log-probability of a step lies on its first word; the others are certain.
 */
export const WAYS = 64;
export const STEP_WORDS = 14;
const RIGHT = 0.9;
const SPOILED = 0.4;
const WORDS = ['so', 'we', 'take', 'the', 'sum', 'of', 'both', 'sides', 'and', 'find', 'that', 'it', 'holds', 'here'];
export const ANSWER_WORDS = 5;
const DELIMITER = '\n\n';

export interface Sampled {
  readonly text: string;
  /** `[tokens]` log-probabilities. */
  readonly logprobs: readonly number[];
}

/** Statement of problem `number`, and its answer. */
export const statementOf = (number: number): string => `Bench problem ${number} : find the value of x .`;
export const answerOf = (number: number): string => String(1000 + number);

const problemIn = (prompt: string): number => Number([...prompt.matchAll(/Bench problem (\d+) :/g)].at(-1)?.[1] ?? 0);
const stepsOf = (problem: number): number => 4 + (problem % 6);

/** Ways taken so far in the solution that a prompt ends with. */
const waysIn = (prompt: string): number[] => {
  const solution = prompt.slice(prompt.lastIndexOf('Bench problem'));
  return [...solution.matchAll(/Step \d+ way (\d+) :/g)].map((found) => Number(found[1]));
};

/**
 * Completions of a prompt: one step where `stop` ends it there, else the whole rest.
 * @returns `[n]` texts, each a function of prompt, seed and index alone
 */
export function sample(prompt: string, n: number, seed: number, oneStep: boolean): Sampled[] {
  const [problem, before, from] = [problemIn(prompt), waysIn(prompt), crc32(prompt)];
  return Array.from({ length: n }, (_, index) => continuation(problem, before, oneStep, generator(from, seed, index)));
}

function continuation(problem: number, before: readonly number[], oneStep: boolean, next: () => number): Sampled {
  const ways = [...before];
  const words: string[] = [];
  const logprobs: number[] = [];
  while (ways.length < stepsOf(problem)) {
    const way = drawnWay(next());
    ways.push(way);
    words.push(stepText(ways.length, way));
    logprobs.push(Math.log(probabilityOf(way)), ...CERTAIN);
    if (oneStep) return { text: words.join(''), logprobs };
  }
  const bad = ways.filter((way, depth) => isBad(problem, ways.slice(0, depth), way)).length;
  const right = next() < RIGHT * SPOILED ** bad;
  const answer = right ? answerOf(problem) : `${answerOf(problem)}.${1 + Math.floor(next() * 3)}`;
  words.push(`The final answer is \\boxed{${answer}}`);
  logprobs.push(...ANSWER_CERTAIN);
  return { text: words.join(''), logprobs };
}

const CERTAIN: readonly number[] = Array.from({ length: STEP_WORDS - 1 }, () => 0);
const ANSWER_CERTAIN: readonly number[] = Array.from({ length: ANSWER_WORDS }, () => 0);

const HARMONIC = Array.from({ length: WAYS }, (_, way) => 1 / (way + 1)).reduce((sum, each) => sum + each, 0);
const probabilityOf = (way: number): number => 1 / (way + 1) / HARMONIC;
const UP_TO = Array.from({ length: WAYS }, (_, way) => probabilityOf(way)).map((_each, way, all) =>
  all.slice(0, way + 1).reduce((sum, each) => sum + each, 0),
);
const drawnWay = (chance: number): number =>
  Math.max(
    0,
    UP_TO.findIndex((upTo) => chance < upTo),
  );
const isBad = (problem: number, path: readonly number[], way: number): boolean =>
  crc32(`${problem}/${path.join('.')}/${way}`) % 4 === 0;

/** Five words that name the step and its way, and the rest to make up the length. */
function stepText(depth: number, way: number): string {
  const filler = Array.from({ length: STEP_WORDS - 5 }, (_, index) => WORDS[(depth + way + index) % WORDS.length]);
  return `Step ${depth} way ${way} : ${filler.join(' ')}${DELIMITER}`;
}

/** mulberry32 over a mixed seed: quick, and good enough for made-up text. */
function generator(from: number, seed: number, index: number): () => number {
  let state = (from ^ Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Tokens of a text by the rule above. */
export const tokensIn = (text: string): number => text.match(/\S+/g)?.length ?? 0;
