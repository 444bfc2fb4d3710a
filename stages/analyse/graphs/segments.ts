import type { Span } from '../../../spec/index.ts';
import type { LoadedDomain } from '../../domain.ts';

/** What is asked of a domain to read a completion. */
export type Reader = Pick<LoadedDomain, 'phrases' | 'splitSteps' | 'placeAfter' | 'isTerminal'>;

interface Found {
  readonly from: number;
  readonly to: number;
  readonly kind: Exclude<Span['kind'], 'step' | 'answer'>;
}

/**
 * Reads a completion of a policy as the rewriting writes solutions: steps, and between them the fixed phrases of the domain. Steps are
 * numbered from 1 in order; a backtrack gets the number of the step whose place it names, or null where it names none that is known.
 * @returns spans in order, without overlap; what is between them is white space
 */
export function segmentsOf(text: string, domain: Reader): Span[] {
  const spans: Span[] = [];
  const steps: string[] = []; // steps[i] has the number i + 1
  let at = 0;
  for (const phrase of [...phrasesIn(text, domain), null]) {
    if (phrase !== null && phrase.from < at) continue; // inside the place that a backtrack names
    for (const span of stepsIn(text, at, phrase?.from ?? text.length, domain)) {
      steps.push(text.slice(span.from, span.to));
      spans.push({ ...span, node: steps.length });
    }
    if (phrase === null) break;
    const place = phrase.kind === 'backtrack' ? placeNamed(text, phrase.to, steps, domain) : null;
    const to = place?.end ?? phrase.to;
    const node = phrase.kind === 'backtrack' ? (place?.step ?? null) : phrase.kind === 'restart' ? 0 : steps.length;
    spans.push({ from: phrase.from, to, kind: phrase.kind, node });
    at = to;
  }
  return spans;
}

/** Fixed phrases in order of place; where two begin together the longer one is meant. */
function phrasesIn(text: string, { phrases }: Reader): Found[] {
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

function stepsIn(text: string, from: number, to: number, domain: Reader): Span[] {
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
 * Which step a backtrack names, and where the naming ends. A place is known by what {@link Reader.placeAfter} says of a step; a step that
 * was reworded is known by containing the words of the place. The latest step wins, and the longest place.
 */
function placeNamed(
  text: string,
  from: number,
  steps: readonly string[],
  { phrases, placeAfter }: Reader,
): { step: number | null; end: number } {
  const afterPlace = (phrases.goBack.split('{place}')[1] ?? '').trim();
  const rest = text.slice(from);
  const indent = rest.length - rest.trimStart().length;
  const named = steps
    .map((step, index) => ({ place: placeAfter(step).trim(), step: index + 1 }))
    .filter(({ place }) => place !== '' && isWhole(rest, indent, place) && rest.startsWith(place, indent))
    .toSorted((a, b) => b.place.length - a.place.length || b.step - a.step)[0];
  if (named !== undefined) {
    const end = indent + named.place.length;
    const suffix = afterPlace === '' ? -1 : rest.indexOf(afterPlace, end);
    const closes = suffix >= 0 && rest.slice(end, suffix).trim() === '';
    return { step: named.step, end: from + (closes ? suffix + afterPlace.length : end) };
  }
  const stop = afterPlace === '' ? rest.search(/[.\n]/) : rest.indexOf(afterPlace);
  if (stop < 0) return { step: null, end: from };
  const place = rest.slice(0, stop).trim();
  const containing = place === '' ? -1 : steps.findLastIndex((step) => containsWhole(step, place));
  return { step: containing < 0 ? null : containing + 1, end: from + stop + Math.max(1, afterPlace.length) };
}

/** Whether `words` occurs in `text` as whole words: 2 is not in 21. */
const containsWhole = (text: string, words: string): boolean =>
  occurrences(text, words).some((at) => isWhole(text, at, words));

/** Whether the stretch of `words` at `at` neither begins nor ends inside a word. */
const isWhole = (text: string, at: number, words: string): boolean =>
  !/[\p{L}\p{N}]{2}/u.test(text.slice(Math.max(0, at - 1), at + 1)) &&
  !/[\p{L}\p{N}]{2}/u.test(text.slice(at + words.length - 1, at + words.length + 1));
