/**
 * Makes a text safe to send: well-formed, and at most `length` UTF-16 code units long. Half a surrogate pair becomes
 * U+FFFD, because UTF-8 and protobuf cannot represent it. A text that is cut ends with `...` and never splits a
 * surrogate pair.
 */
export function boundedText(text: string, length: number): string {
  // The text may be megabytes long, so it is cut first.
  if (text.length <= length) return text.toWellFormed();
  const end = Math.max(0, length - 3);
  const code = text.charCodeAt(end - 1);
  return `${text.slice(0, code >= 0xd800 && code <= 0xdbff ? end - 1 : end).toWellFormed()}...`;
}

/**
 * Maximum size of a summary as JSON in UTF-8. Temporal allows 400 bytes for the whole payload
 * (`limit.userMetadataSummarySize`).
 */
const SUMMARY_BYTES = 340;

/**
 * Cuts a text to the length that Temporal allows for the summary of a workflow, an activity or a timer. A cut text ends
 * with `...`.
 */
export function summaryText(text: string): string {
  let summary = boundedText(text, SUMMARY_BYTES);
  while (jsonBytes(summary) > SUMMARY_BYTES) summary = boundedText(summary, Math.floor(summary.length * 0.9));
  return summary;
}

/** Size in bytes of a well-formed text as JSON in UTF-8, with its quotes. */
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

/** Makes a text safe to print on one line of a terminal: control characters and line separators become escapes. */
export const visibleText = (text: string): string =>
  text.replaceAll(/[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return `\\u${code.padStart(4, '0')}`;
  });
