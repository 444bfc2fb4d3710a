/** Longest reference answer, in UTF-16 code units. A longer text is an explanation. *Ours*. */
export const LONGEST_ANSWER = 1000;

/** What NuminaMath-1.5 writes in place of a missing answer. */
const NO_ANSWERS: ReadonlySet<string> = new Set(['proof', 'notfound']);

/** An answer found in a text, or why there is none. */
export type Found = { readonly answer: string } | { readonly fault: string };

/**
 * The final answer of an answer field: the content of its last `\boxed{}`, the text after its last `####`, or the field
 * itself. Mathematics delimiters around the whole answer are removed; nothing else changes. Pure.
 */
export function answerOfField(text: string): Found {
  const marked = markedAnswer(text);
  return checked(marked ?? { answer: text });
}

/**
 * The final answer of a worked solution: the content of its last `\boxed{}`, or the text after its last `####`. Prose
 * without a mark has no answer. Pure.
 */
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
 * Content of the last `\boxed{...}` or `\fbox{...}`, with nested braces. For `\boxed 7` it is the next token. Null
 * without a box. Pure.
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
      at += 1; // \{ and \} are not braces of the box
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
  if (text.endsWith('\\$')) return text; // an amount of dollars
  for (const delimiter of DELIMITERS) {
    const inner = delimiter.exec(text)?.[1];
    if (inner !== undefined && !inner.endsWith('\\')) return inner.trim();
  }
  return text;
}
