import type { WorkerOptions } from '@temporalio/worker';

/** Options of every worker. *Ours*. */
export const WORKER_OPTIONS = {
  // Every running stage of every campaign has an activity that watches its job, and watching costs little.
  maxConcurrentActivityTaskExecutions: 1000,
  // Workflow code runs in one thread. After a restart all open workflows are replayed: if many began together, all of
  // them would be late, and their tasks would time out. The others wait on the server, where their time does not run.
  maxConcurrentWorkflowTaskExecutions: 4,
  // Heartbeats carry the latest progress, so they are throttled less than by default.
  maxHeartbeatThrottleInterval: '2 seconds',
  // After SIGTERM, short activities may finish, and the next worker takes over the watches. Jobs continue without a
  // worker.
  shutdownGraceTime: '1 second',
  // How long a task waits for a dead worker that had the workflow in its cache.
  stickyQueueScheduleToStartTimeout: '5 seconds',
} as const satisfies Partial<WorkerOptions>;
