import type { Domain } from '../../domains/domain.ts';
import type { Span } from '../../spec/records.ts';
import type { Part } from './outline.ts';

/**
 * Writes parts as one text, each with its span: `text.slice(from, to)` is the part. Between two parts stands what the domain joins steps
 * with, or a single space where a part follows in the flow.
 * @param prompt - what the policy is given. `text` begins with the joiner, so that `prompt + text` is the whole as it would be read.
 */
export function compose(
  prompt: string,
  parts: readonly Part[],
  domain: Pick<Domain, 'join'>,
): { text: string; spans: Span[] } {
  let whole = prompt;
  const spans = parts.map(({ kind, node, text, follows }): Span => {
    const words = text.trim();
    whole = follows ? `${whole} ${words}` : domain.join([whole, words]);
    const to = whole.length - prompt.length;
    return { from: to - words.length, to, kind, node };
  });
  return { text: whole.slice(prompt.length), spans };
}
