/** What may follow a failure. */
export const FAILURE_ACTIONS = [
  'stop', // no further attempt: it would fail the same way
  'retry',
  'retry-earlier-checkpoint', // resumes from the checkpoint before the newest
  'retry-smaller-micro-batch', // halves the micro-batch; the effective batch stays the same
  'retry-other-nodes', // excludes the node that failed
] as const;

/**
 * The failure table: how an execution of a stage can fail, and what follows.
 *
 * - `exitCode`: the exit code by which a stage program reports this failure; `null` when only the executor can detect
 *   it.
 * - `action`: no further attempt (`stop`), or another attempt and what it does differently.
 * - `budget`: number of retries for this class since work was last kept. After that the stage gives up. `null`: no
 *   limit.
 * - `budgetPerDay` ({@link BUDGET_PER_DAY} for classes with a budget): retries in 24 h, even if work was kept between
 *   them.
 * - `backoffSeconds`: wait before the next attempt. It doubles with every failure of the same class, up to `max`.
 * - `message`: explanation for a person.
 *
 * Action, budget and back-off are defaults, which `run.failures` of a stage can override. Source: the design's table;
 * the budgets are *ours*.
 */
export const FAILURES = {
  InvalidInput: {
    exitCode: 65,
    budget: 0,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'stop',
    message: 'the spec or the data is invalid, so another attempt would fail too',
  },
  DependencyDown: {
    exitCode: 69,
    budget: 10,
    backoffSeconds: { initial: 5, max: 300 },
    action: 'retry',
    message: 'the policy server, the verifier or the store could not be reached',
  },
  Diverged: {
    exitCode: 70,
    budget: 1,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'retry-earlier-checkpoint',
    message: 'the loss became NaN or exploded',
  },
  OutOfMemory: {
    exitCode: 71,
    budget: 2,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'retry-smaller-micro-batch',
    message: 'the process ran out of memory',
  },
  NodeFailure: {
    exitCode: 72,
    budget: 10,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'retry-other-nodes',
    message: 'the machine that ran the process failed',
  },
  NoEffect: {
    exitCode: 73,
    budget: 0,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'stop',
    message: 'the stage finished its work without any usable result',
  },
  Preempted: {
    exitCode: 143,
    budget: null,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'retry',
    message: 'the machine was taken for other work',
  },
  Stalled: {
    exitCode: null,
    budget: 2,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'retry',
    message: 'no progress was made for longer than the stall limit',
  },
  Unschedulable: {
    exitCode: null,
    budget: null,
    backoffSeconds: { initial: 30, max: 300 },
    action: 'retry',
    message: 'no machine with the requested resources is free',
  },
  ImageError: {
    exitCode: null,
    budget: 0,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'stop',
    message: 'the program could not be started as configured',
  },
  Crashed: {
    exitCode: null,
    budget: 3,
    backoffSeconds: { initial: 5, max: 300 },
    action: 'retry',
    message: 'the process ended without an explanation',
  },
} as const satisfies Record<string, TableRow>;

/**
 * Failures of one class in 24 h after which a stage gives up, even if work was kept between them: one every seven
 * minutes. It stops a stage that repeatedly saves one step and crashes, which could otherwise continue for days
 * unnoticed. *Ours*.
 */
export const BUDGET_PER_DAY = 200;

/** A row of the failure table. */
export interface TableRow {
  readonly exitCode: number | null;
  readonly action: (typeof FAILURE_ACTIONS)[number];
  readonly budget: number | null;
  readonly backoffSeconds: { readonly initial: number; readonly max: number };
  readonly message: string;
}

/** Names of the rows of the failure table. */
export const FAILURE_CLASSES = Object.keys(FAILURES) as [keyof typeof FAILURES, ...(keyof typeof FAILURES)[]];

/**
 * Exit code of a program that was fenced: a later attempt has claimed its stage, so it wrote nothing.
 * Executors report it as `stopped`, and the workflow then finds out which attempt has the stage. *Ours*.
 */
export const FENCED_EXIT_CODE = 75;

/**
 * The failure class of an exit code. An executor that knows more (OOMKilled, a requested stop) decides before it asks
 * this.
 */
export function failureOfExitCode(exitCode: number): keyof typeof FAILURES {
  const known = FAILURE_CLASSES.find((name) => FAILURES[name].exitCode === exitCode);
  return known ?? 'Crashed';
}
