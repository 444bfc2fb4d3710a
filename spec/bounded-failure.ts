import { boundedText } from './text.ts';

/** What a failure may take, so that all of it stays far below the 2 MiB of Temporal's payloads. *Ours*. */
const LENGTHS = { message: 16_000, stackTrace: 8_000, type: 200, source: 200 } as const;
const DETAILS_BYTES = 64 * 1024;
const LONGEST_CHAIN = 20;

interface WirePayload {
  metadata?: Record<string, Uint8Array> | null;
  data?: Uint8Array | null;
}
type Details = { payloads?: WirePayload[] | null } | null | undefined;

/** Of a failure on the wire (temporal.api.failure.v1.Failure) what is bounded. */
interface WireFailure {
  message?: string | null;
  stackTrace?: string | null;
  source?: string | null;
  cause?: WireFailure | null;
  encodedAttributes?: WirePayload | null;
  applicationFailureInfo?: { type?: string | null; details?: Details } | null;
  canceledFailureInfo?: { details?: Details } | null;
  timeoutFailureInfo?: { lastHeartbeatDetails?: Details } | null;
}

/**
 * A failure as it may leave this program, from a workflow or from an activity: texts well-formed and bounded, details that are too large or
 * unreadable left out, causes down to a bounded depth. Temporal's core ends the whole worker over half a surrogate pair. Pure.
 * @param isReadable - of a payload that somebody else may have made: whoever reads a failure fails at the first that is not
 */
export function boundedFailure<F extends WireFailure>(
  failure: F,
  isReadable: (payload: WirePayload) => boolean = () => true,
  depth = 0,
): F {
  const { message, stackTrace, source, cause, applicationFailureInfo: info } = failure;
  const { canceledFailureInfo: canceled, timeoutFailureInfo: timeout, encodedAttributes } = failure;
  const bounded = (details: Details): Details => {
    const payloads = details?.payloads ?? [];
    return bytesOf(payloads) > DETAILS_BYTES || !payloads.every(isReadable) ? null : (details ?? null);
  };
  return {
    ...failure,
    ...(typeof message === 'string' && { message: boundedText(message, LENGTHS.message) }),
    ...(typeof stackTrace === 'string' && { stackTrace: boundedText(stackTrace, LENGTHS.stackTrace) }),
    ...(typeof source === 'string' && { source: boundedText(source, LENGTHS.source) }),
    ...(cause && { cause: depth < LONGEST_CHAIN ? boundedFailure(cause, isReadable, depth + 1) : null }),
    ...(encodedAttributes && !isReadable(encodedAttributes) && { encodedAttributes: null }),
    ...(info && {
      applicationFailureInfo: {
        ...info,
        ...(typeof info.type === 'string' && { type: boundedText(info.type, LENGTHS.type) }),
        details: bounded(info.details),
      },
    }),
    ...(canceled && { canceledFailureInfo: { ...canceled, details: bounded(canceled.details) } }),
    ...(timeout && {
      timeoutFailureInfo: { ...timeout, lastHeartbeatDetails: bounded(timeout.lastHeartbeatDetails) },
    }),
  };
}

const bytesOf = (payloads: readonly WirePayload[]): number =>
  payloads.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
