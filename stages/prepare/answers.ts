/** Longest reference answer, in UTF-16 code units: what is longer is an explanation. *Ours*. */
export const LONGEST_ANSWER = 1000;

/** What NuminaMath-1.5 writes where there is no answer. */
const NO_ANSWERS: ReadonlySet<string> = new Set(['proof', 'notfound']);

/** An answer that was found in a text, or why there is none. */
export type Found = { readonly answer: string } | { readonly fault: string };

/**
 * The final answer of an answer field: of its last `\boxed{}`, behind its last `####`, or the field itself. Pure.
 * Mathematics delimiters around the whole are taken off; nothing else is changed.
 */
export function answerOfField(text: string): Found {
  const marked = markedAnswer(text);
  return checked(marked ?? { answer: text });
}

/** The final answer of a worked solution: of its last `\boxed{}`, or behind its last `####`. Prose without a mark is no answer. Pure. */
export function answerOfSolution(text: string): Found {
  return checked(markedAnswer(text) ?? { fault: 'the solution has neither \\boxed{} nor ####' });
}

function markedAnswer(text: string): Found | null {
  const box = lastBox(text);
  if (box !== null) return box;
  const hashes = text.lastIndexOf('####');
  return hashes < 0
    ? null
    : {
        answer:
          text
            .slice(hashes + 4)
            .trim()
            .split('\n')[0] ?? '',
      };
}

/**
 * Content of the last `\boxed{...}` or `\fbox{...}`, with its nested braces; `\boxed 7` is the token behind it. Null without a box. Pure.
 */
export function lastBox(text: string): Found | null {
  const last = [...text.matchAll(/\\(?:boxed|fbox)(?![a-zA-Z])\s*/g)].at(-1);
  if (last === undefined) return null;
  const from = last.index + last[0].length;
  if (text[from] !== '{') {
    const token = /^(?:\\[a-zA-Z]+|[^\s$\\.,;]+)/.exec(text.slice(from))?.[0];
    return token === undefined ? { fault: 'its last \\boxed is empty' } : { answer: token };
  }
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === '\\')
      at += 1; // \{ and \} are signs of their own
    else if (text[at] === '{') depth += 1;
    else if (text[at] === '}') {
      depth -= 1;
      if (depth === 0) return { answer: text.slice(from + 1, at) };
    }
  }
  return { fault: 'its last \\boxed{ is not closed' };
}

function checked(found: Found): Found {
  if ('fault' in found) return found;
  const answer = withoutDelimiters(found.answer.trim());
  if (answer === '') return { fault: 'the answer is empty' };
  if (NO_ANSWERS.has(answer.toLowerCase())) return { fault: `"${answer}" is no answer` };
  if (answer.length > LONGEST_ANSWER) {
    return { fault: `the answer is ${answer.length} characters long, more than ${LONGEST_ANSWER}` };
  }
  return { answer };
}

const DELIMITERS = [
  /^\$\$([^$]+)\$\$\.?$/,
  /^\$([^$]+)\$\.?$/,
  /^\\\(((?:(?!\\\)).)+)\\\)\.?$/s,
  /^\\\[((?:(?!\\\]).)+)\\\]\.?$/s,
];

function withoutDelimiters(text: string): string {
  if (text.endsWith('\\$')) return text; // an amount
  for (const delimiter of DELIMITERS) {
    const inner = delimiter.exec(text)?.[1];
    if (inner !== undefined && !inner.endsWith('\\')) return inner.trim();
  }
  return text;
}
