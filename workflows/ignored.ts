import { boundedText, type IgnoredMessages, visibleText } from '../spec/index.ts';

/** Longest name of a message and longest reason that the status tells, in UTF-16 code units. *Ours*. */
const LENGTHS = { message: 120, why: 500 } as const;

/** State of this workflow alone: the SDK gives every workflow modules of its own. */
let ignored: IgnoredMessages | undefined;
let show: () => void = () => undefined;

/**
 * Takes up the count of the run before, and says how a change is shown.
 * @param onChange - called after every message that was ignored
 */
export function countIgnored(before: IgnoredMessages | undefined, onChange: () => void): void {
  ignored = merge(before, ignored);
  show = onChange;
}

/** Messages that this workflow ignored. */
export const ignoredMessages = (): IgnoredMessages | undefined => ignored;

/**
 * Notes a message that changes nothing.
 * @param message - its kind and name, such as `signal approve`
 * @param reason - words, or what its handler threw
 */
export function ignoreMessage(message: string, reason: unknown): void {
  const why = reason instanceof Error ? reason.message : String(reason);
  ignored = {
    times: (ignored?.times ?? 0) + 1,
    last: { message: shown(message, LENGTHS.message), why: shown(why, LENGTHS.why), at: new Date().toISOString() },
  };
  show();
}

/** One line. Cut first: the text may be megabytes long. */
const shown = (text: string, length: number): string =>
  boundedText(visibleText(boundedText(text, length).replaceAll(/\s+/g, ' ')), length);

const merge = (before: IgnoredMessages | undefined, after: IgnoredMessages | undefined): IgnoredMessages | undefined =>
  before === undefined || after === undefined
    ? (after ?? before)
    : { times: before.times + after.times, last: after.last };
