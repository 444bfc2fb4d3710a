import { boundedText, visibleText } from '../../spec/index.ts';

/**
 * Texts as search attributes take them. One that is too long, or that the database of the server cannot hold, would end the campaign. Limits
 * are below those of Temporal: 255 characters in a keyword of a SQL database, 2 kB in one attribute.
 */
const KEYWORD_LENGTH = 200;
const LIST_BYTES = 1_800;
/** Bytes that one UTF-16 code unit takes at most, as JSON in UTF-8. */
const BYTES_PER_UNIT = 3;

export const keywordText = (text: string): string =>
  boundedText(visibleText(boundedText(text, KEYWORD_LENGTH)), KEYWORD_LENGTH);

/** As many of the first as fit. */
export function keywordList(texts: readonly string[]): string[] {
  let left = LIST_BYTES;
  return texts.map(keywordText).filter((text) => {
    left -= BYTES_PER_UNIT * text.length + 3;
    return left >= 0;
  });
}
