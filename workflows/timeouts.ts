/**
 * A worker that dies is missed after this long; its activities beat every second. Long enough for a worker that is busy, short enough
 * that control is regained within 15 s. *Ours*.
 */
export const HEARTBEAT_TIMEOUT = '8 seconds';

/** What fails for want of a store or a server is tried until it is mended. */
export const RETRY = { initialInterval: '1 second', maximumInterval: '10 seconds' } as const;
