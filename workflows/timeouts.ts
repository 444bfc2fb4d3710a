/**
 * A worker that dies is noticed after this time. Its activities send a heartbeat every two seconds, so a busy worker
 * may be late by four. Another worker takes over within 8 s (bench/worker-kill.ts). *Ours*.
 */
const HEARTBEAT_TIMEOUT = '6 seconds';

/**
 * Options of every activity. A store or a server that fails is retried until somebody repairs it. The heartbeat notices
 * a dead worker, so `startToCloseTimeout` only has to exceed the slowest store. The first retry comes soon, because it
 * may follow the death of a worker; five tries take 15 s.
 */
export const ACTIVITY_OPTIONS = {
  startToCloseTimeout: '6 hours',
  heartbeatTimeout: HEARTBEAT_TIMEOUT,
  retry: { initialInterval: '250 milliseconds', backoffCoefficient: 4, maximumInterval: '10 seconds' },
} as const;

/** Options of activities that last as long as a job, which may run for weeks. */
export const JOB_ACTIVITY_OPTIONS = { ...ACTIVITY_OPTIONS, startToCloseTimeout: '60 days' } as const;
