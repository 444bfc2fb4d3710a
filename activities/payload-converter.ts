import {
  type ConverterHint,
  defaultPayloadConverter,
  type Payload,
  type PayloadConverter,
  type SerializationContext,
} from '@temporalio/common';

/**
 * Decodes payloads; one that cannot be decoded becomes `undefined`. Activities meet such payloads only in heartbeat
 * details: their inputs come from orrery's workflows, but everyone who reaches Temporal can record a heartbeat. Without
 * this, such a heartbeat would fail every later try of the activity.
 *
 * Temporal looks the converter up by this name.
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
