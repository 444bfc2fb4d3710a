import { boundedText, visibleText } from '../../spec/index.ts';

/**
 * Texts for search attributes. A text that is too long, or that the database of the server cannot store, would fail the
 * campaign. These limits are below those of Temporal: 255 characters for a keyword in a SQL database, 2 kB for one
 * attribute.
 */
const KEYWORD_LENGTH = 200;
const LIST_BYTES = 1_800;
/** Most bytes of one UTF-16 code unit as JSON in UTF-8. */
const BYTES_PER_UNIT = 3;

export const keywordText = (text: string): string =>
  boundedText(visibleText(boundedText(text, KEYWORD_LENGTH)), KEYWORD_LENGTH);

/** The first texts that fit into one search attribute. */
export function keywordList(texts: readonly string[]): string[] {
  let left = LIST_BYTES;
  return texts.map(keywordText).filter((text) => {
    left -= BYTES_PER_UNIT * text.length + 3;
    return left >= 0;
  });
}
