/**
 * Start-to-close time-out of a workflow task. A worker that dies with a task in its hands is noticed after this time.
 *
 * A worker that takes over replays the history within it, also on a busy machine: an event takes 0.7 ms of CPU, and a
 * campaign of a month has some 3,000 events (docs/benchmarks.md, history). Temporal's default is 10 s. *Ours*.
 */
export const WORKFLOW_TASK_SECONDS = 6;
