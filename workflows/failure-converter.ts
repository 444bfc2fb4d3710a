/**
 * The failure converter of the workflow bundle (`failureConverterPath`). Every failure passes through it: failures of
 * the workflow, its tasks, updates and queries on their way out, and failures of activities and other workflows on
 * their way in.
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
import { boundedFailure } from '../spec/index.ts';
import { Unreadable } from './input/unreadable.ts';
import { readOrMark } from './payload-converter.ts';

class BoundedFailureConverter extends DefaultFailureConverter {
  override errorToFailure(error: unknown, converter: PayloadConverter, context?: SerializationContext): ProtoFailure {
    return boundedFailure(super.errorToFailure(error, converter, context), isReadable);
  }

  /** Anyone can send a failure with missing parts or undecodable details. It still counts as a failure. */
  override failureToError(failure: ProtoFailure, _converter: PayloadConverter, context?: SerializationContext): Error {
    try {
      return super.failureToError(failure, readOrMark, context);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return ApplicationFailure.nonRetryable(
        `${failure.message ?? 'a failure'} (its details cannot be decoded: ${why})`,
      );
    }
  }
}

const isReadable = (payload: Payload): boolean => !(readOrMark.fromPayload(payload) instanceof Unreadable);

export const failureConverter: FailureConverter = new BoundedFailureConverter();
