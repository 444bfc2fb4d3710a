import {
  DefaultFailureConverter,
  type FailureConverter,
  type PayloadConverter,
  type ProtoFailure,
  type SerializationContext,
} from '@temporalio/common';
import { boundedFailure } from '../spec/index.ts';

/** Every failure of an activity leaves this program through this converter. */
class BoundedFailureConverter extends DefaultFailureConverter {
  override errorToFailure(error: unknown, converter: PayloadConverter, context?: SerializationContext): ProtoFailure {
    return boundedFailure(super.errorToFailure(error, converter, context));
  }
}

/** Temporal looks it up by this name. */
export const failureConverter: FailureConverter = new BoundedFailureConverter();
