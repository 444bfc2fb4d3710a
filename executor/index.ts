export type { Executor, Shortage } from './executor.ts';
export type { JobRequest, Program } from './job.ts';
export { type JobRef, jobName, jobRequest, type StartAttempt } from './job-request.ts';
export { type JobObservation, type JobSummary, jobHasEnded, type PodState } from './observation.ts';
export { outcomeOfEnded } from './outcome.ts';
export { programsOf } from './programs.ts';
