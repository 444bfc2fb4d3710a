/**
 * The payload converter of the workflow bundle (`payloadConverterPath`). The SDK decodes arguments, memo and headers before any code of ours
 * runs, and what it cannot decode fails the workflow task for ever. So a payload that stays unreadable becomes a marker, which the parsers
 * of the arguments refuse.
 *
 * A payload codec runs outside of the workflow and before this. A key that is missing there still fails the task: a payload that is unreadable
 * now and readable at replay would make the replay another run.
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

/** Longest reason that is told, in UTF-16 code units. *Ours*. */
const REASON_LENGTH = 200;

/** Reads what it can and answers with {@link Unreadable} otherwise. Writes as the default converter does. */
export const readOrMark: PayloadConverter = {
  toPayload: <T>(value: T, context?: SerializationContext, hint?: ConverterHint<T>): Payload =>
    defaultPayloadConverter.toPayload(value, context, hint),
  fromPayload: <T>(payload: Payload, context?: SerializationContext, hint?: ConverterHint<T>): T => {
    try {
      return defaultPayloadConverter.fromPayload(payload, context, hint);
    } catch (error) {
      // What depends on the room that is left on the stack may be readable elsewhere.
      if (error instanceof RangeError) throw error;
      return new Unreadable(reasonOf(payload, error)) as T;
    }
  },
};

/** As {@link readOrMark}, but the result of an activity or of a child has to be readable: there a marker would be taken for an answer. */
export const payloadConverter: PayloadConverter = {
  ...readOrMark,
  fromPayload: <T>(payload: Payload, context?: SerializationContext, hint?: ConverterHint<T>): T => {
    const read = readOrMark.fromPayload(payload, context, hint);
    if (read instanceof Unreadable && isAnswer(context)) {
      throw new TypeError(`the result of ${sourceOf(context)} cannot be read: ${read.reason}`);
    }
    return read;
  },
};

/** The SDK gives a payload the context of who made it: an activity, another workflow, or this one for what came to it. */
const isAnswer = (context: SerializationContext | undefined): boolean =>
  context?.type === 'activity' || (context?.type === 'workflow' && context.workflowId !== workflowInfo().workflowId);

const sourceOf = (context: SerializationContext | undefined): string =>
  context?.type === 'workflow' ? `the child workflow ${context.workflowId}` : 'an activity';

function reasonOf(payload: Payload, error: unknown): string {
  const encoding = payload.metadata?.encoding;
  if (encoding === undefined || encoding === null) return 'a payload without an encoding';
  const why = error instanceof Error ? error.message : String(error);
  return boundedText(`a payload that cannot be decoded (${why})`, REASON_LENGTH);
}
