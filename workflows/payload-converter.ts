/**
 * The payload converter of the workflow bundle (`payloadConverterPath`). The SDK decodes arguments, memo and headers
 * before our code runs. A payload that it cannot decode would fail the workflow task for ever. This converter returns a
 * marker instead, which the parsers of the arguments refuse.
 *
 * A payload codec runs outside the workflow, before this converter. A key that is missing there still fails the task:
 * the payload may become readable later, and then a replay would differ from the first run.
 */
import {
  type ConverterHint,
  defaultPayloadConverter,
  type Payload,
  type PayloadConverter,
  type SerializationContext,
} from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';
import { boundedText } from '../spec/index.ts';
import { Unreadable } from './input/unreadable.ts';

/** Longest reason in an error message, in UTF-16 code units. *Ours*. */
const REASON_LENGTH = 200;

/** Decodes a payload, or returns {@link Unreadable}. Encodes like the default converter. */
export const readOrMark: PayloadConverter = {
  toPayload: <T>(value: T, context?: SerializationContext, hint?: ConverterHint<T>): Payload =>
    defaultPayloadConverter.toPayload(value, context, hint),
  fromPayload: <T>(payload: Payload, context?: SerializationContext, hint?: ConverterHint<T>): T => {
    try {
      return defaultPayloadConverter.fromPayload(payload, context, hint);
    } catch (error) {
      // A stack overflow depends on the caller: the same payload may be readable at replay.
      if (error instanceof RangeError) throw error;
      return new Unreadable(reasonOf(payload, error)) as T;
    }
  },
};

/**
 * Like {@link readOrMark}, but throws for the result of an activity or a child workflow: the workflow would take the
 * marker for the result.
 */
export const payloadConverter: PayloadConverter = {
  ...readOrMark,
  fromPayload: <T>(payload: Payload, context?: SerializationContext, hint?: ConverterHint<T>): T => {
    const read = readOrMark.fromPayload(payload, context, hint);
    if (read instanceof Unreadable && isResult(context)) {
      throw new TypeError(`the result of ${sourceOf(context)} cannot be read: ${read.reason}`);
    }
    return read;
  },
};

/**
 * The SDK sets the context to the producer of the payload: an activity or another workflow. Messages to this workflow
 * have its own context.
 */
const isResult = (context: SerializationContext | undefined): boolean =>
  context?.type === 'activity' || (context?.type === 'workflow' && context.workflowId !== workflowInfo().workflowId);

const sourceOf = (context: SerializationContext | undefined): string =>
  context?.type === 'workflow' ? `the child workflow ${context.workflowId}` : 'an activity';

function reasonOf(payload: Payload, error: unknown): string {
  const encoding = payload.metadata?.encoding;
  if (encoding === undefined || encoding === null) return 'a payload without an encoding';
  const why = error instanceof Error ? error.message : String(error);
  return boundedText(`a payload that cannot be decoded (${why})`, REASON_LENGTH);
}
