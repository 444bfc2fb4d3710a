/**
 * A worker that dies is noticed after this time. Its activities send a heartbeat every second. The value tolerates a
 * busy worker, and another worker takes over within 15 s. *Ours*.
 */
const HEARTBEAT_TIMEOUT = '8 seconds';

/**
 * Options of every activity. A store or a server that fails is retried until somebody repairs it. The heartbeat notices
 * a dead worker, so `startToCloseTimeout` only has to exceed the slowest store.
 */
export const ACTIVITY_OPTIONS = {
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '1 second', maximumInterval: '10 seconds' },
} as const;

/** Options of activities that last as long as a job, which may run for weeks. */
export const JOB_ACTIVITY_OPTIONS = { ...ACTIVITY_OPTIONS, startToCloseTimeout: '60 days' } as const;
