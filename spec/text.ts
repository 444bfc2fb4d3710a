/**
 * `text` as it may leave this program: well-formed (half a surrogate pair becomes U+FFFD, since UTF-8 and protobuf cannot hold it) and at most
 * `length` UTF-16 code units long. What is cut ends in `...`, never within a pair.
 */
export function boundedText(text: string, length: number): string {
  // Cut first: the text may be megabytes long.
  if (text.length <= length) return text.toWellFormed();
  const end = Math.max(0, length - 3);
  const code = text.charCodeAt(end - 1);
  return `${text.slice(0, code >= 0xd800 && code <= 0xdbff ? end - 1 : end).toWellFormed()}...`;
}

/** Of a summary as JSON in UTF-8. Temporal takes 400 of the whole payload (`limit.userMetadataSummarySize`). */
const SUMMARY_BYTES = 340;

/** A text that Temporal takes as a summary, of a workflow, an activity or a timer: one that is longer ends in `...`. */
export function summaryText(text: string): string {
  let summary = boundedText(text, SUMMARY_BYTES);
  while (jsonBytes(summary) > SUMMARY_BYTES) summary = boundedText(summary, Math.floor(summary.length * 0.9));
  return summary;
}

/** Length of a well-formed text as JSON in UTF-8, with its quotes. */
export function jsonBytes(text: string): number {
  let bytes = 2;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x20) bytes += 6;
    else if (code < 0x80) bytes += code === 0x22 || code === 0x5c ? 2 : 1;
    else if (code < 0x800 || (code >= 0xd800 && code <= 0xdfff)) bytes += 2;
    else bytes += 3;
  }
  return bytes;
}

/** A text on one line of a terminal: control characters and separators of lines are shown as escapes. */
export const visibleText = (text: string): string =>
  text.replaceAll(/[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return `\\u${code.padStart(4, '0')}`;
  });
