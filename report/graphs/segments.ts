import type { LoadedDomain } from '../../domains/domain.ts';
import type { Span } from '../../spec/records.ts';

/** The functions of a domain that read a completion. */
export type CompletionDomain = Pick<LoadedDomain, 'phrases' | 'splitSteps' | 'placeAfter' | 'isTerminal'>;

interface Found {
  readonly from: number;
  readonly to: number;
  readonly kind: Exclude<Span['kind'], 'step' | 'answer'>;
}

/**
 * Splits a completion of a policy into spans, like those of written solutions: steps, and between them the fixed
 * phrases of the domain. Steps are numbered from 1 in order. A backtrack has the number of the step whose place it
 * names, or null when it names no known place.
 * @returns spans in order, without overlap; between them is white space
 */
export function segmentsOf(text: string, domain: CompletionDomain): Span[] {
  const spans: Span[] = [];
  const steps: WrittenStep[] = [];
  let way: WrittenStep[] = []; // from the problem to the step before `at`, without abandoned steps
  let at = 0;
  for (const phrase of [...phrasesIn(text, domain), null]) {
    if (phrase !== null && phrase.from < at) continue; // inside the place that a backtrack names
    for (const span of stepsIn(text, at, phrase?.from ?? text.length, domain)) {
      const written = text.slice(span.from, span.to);
      const step = { node: steps.length + 1, text: written, place: domain.placeAfter(written).trim() };
      steps.push(step);
      way.push(step);
      spans.push({ ...span, node: step.node });
    }
    if (phrase === null) break;
    let [to, node]: [number, number | null] = [phrase.to, way.at(-1)?.node ?? 0];
    if (phrase.kind === 'restart') {
      node = 0;
      way = [];
    } else if (phrase.kind === 'backtrack') {
      const place = placeNamed(text, phrase.to, steps, domain);
      const target = stepAt(place.words, way) ?? stepAt(place.words, steps);
      [to, node] = [place.end, target?.node ?? null];
      const kept = target === null ? -1 : way.indexOf(target);
      way = kept >= 0 ? way.slice(0, kept + 1) : target === null ? way : [target];
    }
    spans.push({ from: phrase.from, to, kind: phrase.kind, node });
    at = to;
  }
  return spans;
}

interface WrittenStep {
  readonly node: number;
  readonly text: string;
  /** What the domain calls the place that the step leads to. */
  readonly place: string;
}

/** Fixed phrases in the order of the text. Where two begin at the same place, the longer one counts. */
function phrasesIn(text: string, { phrases }: CompletionDomain): Found[] {
  const [beforePlace = ''] = phrases.goBack.split('{place}');
  const wanted: [Found['kind'], string][] = [
    ['reflection', phrases.reflection],
    ['negative', phrases.negative],
    ['positive', phrases.positive],
    ['restart', phrases.restart],
    ['backtrack', beforePlace.trim()],
  ];
  const found = wanted.flatMap(([kind, phrase]) =>
    phrase === '' ? [] : occurrences(text, phrase).map((from): Found => ({ from, to: from + phrase.length, kind })),
  );
  const inOrder = found.toSorted((a, b) => a.from - b.from || b.to - a.to);
  let end = 0;
  return inOrder.filter(({ from, to }) => {
    if (from < end) return false;
    end = to;
    return true;
  });
}

function occurrences(text: string, phrase: string): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(phrase); at >= 0; at = text.indexOf(phrase, at + phrase.length)) places.push(at);
  return places;
}

function stepsIn(text: string, from: number, to: number, domain: CompletionDomain): Span[] {
  const spans: Span[] = [];
  let at = from;
  for (const raw of domain.splitSteps(text.slice(from, to))) {
    const step = raw.trim();
    const start = text.indexOf(step, at);
    if (step === '' || start < 0 || start >= to) continue;
    at = start + step.length;
    spans.push({ from: start, to: at, kind: domain.isTerminal(step) ? 'answer' : 'step', node: null });
  }
  return spans;
}

/**
 * The words that name the place of a backtrack, and where they end: a known place, else the words up to the rest of the
 * phrase.
 */
function placeNamed(
  text: string,
  from: number,
  steps: readonly WrittenStep[],
  { phrases }: CompletionDomain,
): { words: string; end: number } {
  const afterPlace = (phrases.goBack.split('{place}')[1] ?? '').trim();
  const rest = text.slice(from);
  const indent = rest.length - rest.trimStart().length;
  const [known] = steps
    .map(({ place }) => place)
    .filter((place) => place !== '' && rest.startsWith(place, indent) && isWhole(rest, indent, place))
    .toSorted((a, b) => b.length - a.length);
  if (known !== undefined) {
    const end = indent + known.length;
    const tail = /^\s*/.exec(rest.slice(end))?.[0].length ?? 0;
    const goesOn = afterPlace !== '' && rest.startsWith(afterPlace, end + tail);
    return { words: known, end: from + end + (goesOn ? tail + afterPlace.length : 0) };
  }
  const stop = afterPlace === '' ? rest.search(/[.\n]/) : rest.indexOf(afterPlace);
  if (stop < 0) return { words: '', end: from };
  return { words: rest.slice(0, stop).trim(), end: from + stop + Math.max(1, afterPlace.length) };
}

/**
 * The step that leads to a place: the latest one with that place, as the domain names it. The domain may not understand
 * a reworded step. Then it is the latest step that ends with the words of the place, else the first step that contains
 * them, because later steps continue from there.
 */
function stepAt(words: string, steps: readonly WrittenStep[]): WrittenStep | null {
  if (words === '') return null;
  return (
    steps.findLast(({ place }) => place === words) ??
    steps.findLast(({ text }) => endsWithWhole(text, words)) ??
    steps.find(({ text }) => containsWhole(text, words)) ??
    null
  );
}

/** Whether `text` ends with `words`, apart from punctuation. */
function endsWithWhole(text: string, words: string): boolean {
  const bare = text.replace(/[\s\p{P}]+$/u, '');
  return bare.endsWith(words) && isWhole(bare, bare.length - words.length, words);
}

/** Whether `text` contains `words` as whole words: 21 does not contain 2. */
const containsWhole = (text: string, words: string): boolean =>
  occurrences(text, words).some((at) => isWhole(text, at, words));

/** Whether `words` at position `at` neither begins nor ends inside a word. */
const isWhole = (text: string, at: number, words: string): boolean =>
  !/[\p{L}\p{N}]{2}/u.test(text.slice(Math.max(0, at - 1), at + 1)) &&
  !/[\p{L}\p{N}]{2}/u.test(text.slice(at + words.length - 1, at + words.length + 1));
