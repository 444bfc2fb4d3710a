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

/** A text on one line of a terminal: control characters and separators of lines are shown as escapes. */
export const visibleText = (text: string): string =>
  text.replaceAll(/[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return `\\u${code.padStart(4, '0')}`;
  });
