import {
  type ConverterHint,
  defaultPayloadConverter,
  type Payload,
  type PayloadConverter,
  type SerializationContext,
} from '@temporalio/common';

/**
 * Reads what it can; what nobody can read is nothing. To activities that happens with details of heartbeats alone: their inputs come from
 * workflows of ours, but anyone who reaches Temporal may record a heartbeat, and it would fail every later try of the activity.
 *
 * Temporal looks it up by this name.
 */
export const payloadConverter: PayloadConverter = {
  toPayload: <T>(value: T, context?: SerializationContext, hint?: ConverterHint<T>): Payload =>
    defaultPayloadConverter.toPayload(value, context, hint),
  fromPayload: <T>(payload: Payload, context?: SerializationContext, hint?: ConverterHint<T>): T => {
    try {
      return defaultPayloadConverter.fromPayload(payload, context, hint);
    } catch {
      return undefined as T;
    }
  },
};
