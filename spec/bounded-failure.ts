import { boundedText } from './text.ts';

/** Size limits of a failure, far below the 2 MiB limit of a Temporal payload. *Ours*. */
const LENGTHS = { message: 16_000, stackTrace: 8_000, type: 200, source: 200 } as const;
const DETAILS_BYTES = 64 * 1024;
const LONGEST_CHAIN = 20;

interface WirePayload {
  metadata?: Record<string, Uint8Array> | null;
  data?: Uint8Array | null;
}
type Details = { payloads?: WirePayload[] | null } | null | undefined;

/** The fields of a failure on the wire (temporal.api.failure.v1.Failure) that {@link boundedFailure} limits. */
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
 * Limits a failure before it leaves a workflow or an activity. Texts become well-formed and bounded, details that are
 * too large or unreadable are removed, and the chain of causes is cut at a bounded depth. Without this, half a
 * surrogate pair in a text makes Temporal's core end the whole worker. Pure.
 * @param isReadable - whether a payload can be decoded. Somebody else may have written it, and an unreadable payload
 *   makes every reader of the failure fail
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
