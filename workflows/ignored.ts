import { boundedText, type IgnoredMessages, visibleText } from '../spec/index.ts';

/** Longest message name and longest reason in the status, in UTF-16 code units. *Ours*. */
const LENGTHS = { message: 120, why: 500 } as const;

/** State of one workflow execution: the SDK loads all modules separately for each. */
let ignored: IgnoredMessages | undefined;
let show: () => void = () => undefined;

/**
 * Continues the count of the previous run.
 * @param onChange - called after every ignored message, to show the new count
 */
export function trackIgnored(carried: IgnoredMessages | undefined, onChange: () => void): void {
  ignored = merge(carried, ignored);
  show = onChange;
}

/** How many messages this workflow has ignored, and the last one; undefined if there was none. */
export const ignoredMessages = (): IgnoredMessages | undefined => ignored;

/**
 * Counts a message that changes nothing.
 * @param message - its kind and name, for example `signal approve`
 * @param reason - a text, or what the handler of the message threw
 */
export function ignoreMessage(message: string, reason: unknown): void {
  const why = reason instanceof Error ? reason.message : String(reason);
  ignored = {
    times: (ignored?.times ?? 0) + 1,
    last: { message: oneLine(message, LENGTHS.message), why: oneLine(why, LENGTHS.why), at: new Date().toISOString() },
  };
  show();
}

/** Cuts the text first, because it may be megabytes long. */
const oneLine = (text: string, length: number): string =>
  boundedText(visibleText(boundedText(text, length).replaceAll(/\s+/g, ' ')), length);

const merge = (before: IgnoredMessages | undefined, after: IgnoredMessages | undefined): IgnoredMessages | undefined =>
  before === undefined || after === undefined
    ? (after ?? before)
    : { times: before.times + after.times, last: after.last };
