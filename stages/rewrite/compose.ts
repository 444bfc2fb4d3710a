import type { Domain } from '../../domains/domain.ts';
import type { Span } from '../../spec/records.ts';
import type { Part } from './outline.ts';

/**
 * Writes parts as one text. Each part has a span: `text.slice(from, to)` is the part. Parts are joined as the domain
 * joins steps, or by a single space where a part continues a sentence.
 * @param prompt - what the policy is given. `text` begins with the joiner, so `prompt + text` is the whole text.
 */
export function compose(
  prompt: string,
  parts: readonly Part[],
  domain: Pick<Domain, 'join'>,
): { text: string; spans: Span[] } {
  let whole = prompt;
  const spans = parts.map(({ kind, node, text, follows }): Span => {
    const trimmed = text.trim();
    whole = follows ? `${whole} ${trimmed}` : domain.join([whole, trimmed]);
    const to = whole.length - prompt.length;
    return { from: to - trimmed.length, to, kind, node };
  });
  return { text: whole.slice(prompt.length), spans };
}
