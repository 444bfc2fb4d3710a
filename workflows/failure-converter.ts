/**
 * The failure converter of the workflow bundle (`failureConverterPath`): the one place through which every failure leaves a workflow (of the
 * workflow itself, of its task, of an update, of a query), and through which failures of others come in.
 */
import {
  ApplicationFailure,
  DefaultFailureConverter,
  type FailureConverter,
  type Payload,
  type PayloadConverter,
  type ProtoFailure,
  type SerializationContext,
} from '@temporalio/common';
import { boundedText } from '../spec/index.ts';
import { readOrMark } from './payload-converter.ts';

/** What a failure may take, so that all of it stays far below the 2 MiB of Temporal's payloads. *Ours*. */
const LENGTHS = { message: 16_000, stackTrace: 8_000, type: 200, source: 200 } as const;
const DETAILS_BYTES = 64 * 1024;
const LONGEST_CHAIN = 20;

class BoundedFailureConverter extends DefaultFailureConverter {
  override errorToFailure(error: unknown, converter: PayloadConverter, context?: SerializationContext): ProtoFailure {
    return boundedFailure(super.errorToFailure(error, converter, context));
  }

  /** Anyone can send a failure that lacks parts, or whose details nobody can read. It is a failure all the same. */
  override failureToError(failure: ProtoFailure, _converter: PayloadConverter, context?: SerializationContext): Error {
    try {
      return super.failureToError(failure, readOrMark, context);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return ApplicationFailure.nonRetryable(`${failure.message ?? 'a failure'} (its parts cannot be read: ${why})`);
    }
  }
}

export const failureConverter: FailureConverter = new BoundedFailureConverter();

/** The failure with its texts well-formed and bounded, details that are too large left out, and causes down to a bounded depth. */
function boundedFailure(failure: ProtoFailure, depth = 0): ProtoFailure {
  const { message, stackTrace, source, cause, applicationFailureInfo: info } = failure;
  return {
    ...failure,
    ...(typeof message === 'string' && { message: boundedText(message, LENGTHS.message) }),
    ...(typeof stackTrace === 'string' && { stackTrace: boundedText(stackTrace, LENGTHS.stackTrace) }),
    ...(typeof source === 'string' && { source: boundedText(source, LENGTHS.source) }),
    ...(cause && { cause: depth < LONGEST_CHAIN ? boundedFailure(cause, depth + 1) : null }),
    ...(info && {
      applicationFailureInfo: {
        ...info,
        ...(typeof info.type === 'string' && { type: boundedText(info.type, LENGTHS.type) }),
        details: bytesOf(info.details?.payloads) > DETAILS_BYTES ? null : (info.details ?? null),
      },
    }),
  };
}

const bytesOf = (payloads: Payload[] | null | undefined): number =>
  (payloads ?? []).reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
