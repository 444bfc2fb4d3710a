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
import { boundedFailure } from '../spec/index.ts';
import { Unreadable } from './input/unreadable.ts';
import { readOrMark } from './payload-converter.ts';

class BoundedFailureConverter extends DefaultFailureConverter {
  override errorToFailure(error: unknown, converter: PayloadConverter, context?: SerializationContext): ProtoFailure {
    return boundedFailure(super.errorToFailure(error, converter, context), isReadable);
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

const isReadable = (payload: Payload): boolean => !(readOrMark.fromPayload(payload) instanceof Unreadable);

export const failureConverter: FailureConverter = new BoundedFailureConverter();
