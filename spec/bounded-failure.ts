import { boundedText } from './text.ts';

/** What a failure may take, so that all of it stays far below the 2 MiB of Temporal's payloads. *Ours*. */
const LENGTHS = { message: 16_000, stackTrace: 8_000, type: 200, source: 200 } as const;
const DETAILS_BYTES = 64 * 1024;
const LONGEST_CHAIN = 20;

/** Of a failure on the wire (temporal.api.failure.v1.Failure) what is bounded. */
interface WireFailure {
  message?: string | null;
  stackTrace?: string | null;
  source?: string | null;
  cause?: WireFailure | null;
  applicationFailureInfo?: {
    type?: string | null;
    details?: { payloads?: readonly { data?: Uint8Array | null }[] | null } | null;
  } | null;
}

/**
 * A failure as it may leave this program, from a workflow or from an activity: texts well-formed and bounded, details that are too large left
 * out, causes down to a bounded depth. Temporal's core ends the whole worker over half a surrogate pair. Pure.
 */
export function boundedFailure<F extends WireFailure>(failure: F, depth = 0): F {
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

const bytesOf = (payloads: readonly { data?: Uint8Array | null }[] | null | undefined): number =>
  (payloads ?? []).reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
