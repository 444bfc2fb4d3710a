import { z } from 'zod';

/**
 * The failure table: how an execution of a stage can end badly, and what follows.
 *
 * - `exitCode`: the code by which a stage program says so itself; `null` where only the executor can tell.
 * - `action`: what follows: nothing more (`stop`), or another attempt, and what that does differently.
 * - `budget`: attempts that may be spent on this class, since work was last kept, before the stage gives up. `null`: without limit.
 * - `budgetPerDay` ({@link BUDGET_PER_DAY} where there is a budget): attempts in 24 h, whatever was kept between them.
 * - `backoffSeconds`: wait before the next attempt; doubles with every failure of the same class up to `max`.
 * - `words`: what a person is told.
 *
 * Action, budget and back-off are defaults: `run.failures` of a stage sets others. Source: the design's table; the budgets are *ours*.
 */
export const FAILURES = {
  InvalidInput: {
    exitCode: 65,
    budget: 0,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'stop',
    words: 'the spec or the data is wrong, and will be again',
  },
  DependencyDown: {
    exitCode: 69,
    budget: 10,
    backoffSeconds: { initial: 5, max: 300 },
    action: 'retry',
    words: 'the policy server, the verifier or the store could not be reached',
  },
  Diverged: {
    exitCode: 70,
    budget: 1,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'retry-earlier-checkpoint',
    words: 'the loss became NaN or exploded',
  },
  OutOfMemory: {
    exitCode: 71,
    budget: 2,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'retry-smaller-micro-batch',
    words: 'the process ran out of memory',
  },
  NodeFailure: {
    exitCode: 72,
    budget: 10,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'retry-other-nodes',
    words: 'the machine under the process failed',
  },
  NoEffect: {
    exitCode: 73,
    budget: 0,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'stop',
    words: 'the stage did its work to the end, and nothing came of it',
  },
  Preempted: {
    exitCode: 143,
    budget: null,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'retry',
    words: 'the machine was taken for other work',
  },
  Stalled: {
    exitCode: null,
    budget: 2,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'retry',
    words: 'no progress was made for longer than the stall limit',
  },
  Unschedulable: {
    exitCode: null,
    budget: null,
    backoffSeconds: { initial: 30, max: 300 },
    action: 'retry',
    words: 'no machine with the requested resources is free',
  },
  ImageError: {
    exitCode: null,
    budget: 0,
    backoffSeconds: { initial: 0, max: 0 },
    action: 'stop',
    words: 'the program could not be started as configured',
  },
  Crashed: {
    exitCode: null,
    budget: 3,
    backoffSeconds: { initial: 5, max: 300 },
    action: 'retry',
    words: 'the process ended in a way that it did not explain',
  },
} as const satisfies Record<string, TableRow>;

/**
 * Failures of one class in 24 h after which a stage gives up, though work was kept between them: one every seven minutes. A stage that
 * saves one step and crashes, again and again, is not to go on for days unseen. *Ours*.
 */
export const BUDGET_PER_DAY = 200;

interface TableRow {
  readonly exitCode: number | null;
  readonly action: FailureAction;
  readonly budget: number | null;
  readonly backoffSeconds: { readonly initial: number; readonly max: number };
  readonly words: string;
}

/** What is done about a failure class: a row of the failure table, or what a stage sets in its place. */
export interface FailureRule extends TableRow {
  /** null: without limit. */
  readonly budgetPerDay: number | null;
}

/** What follows a failure. */
export const FailureAction = z.enum([
  'stop', // another attempt would fail the same way
  'retry',
  'retry-earlier-checkpoint', // gives up the newest checkpoint
  'retry-smaller-micro-batch', // half of it; the effective batch stays
  'retry-other-nodes', // keeps away from the node that failed
]);
export type FailureAction = z.infer<typeof FailureAction>;

/** Name of a row of the failure table. */
export const FailureClass = z.enum(Object.keys(FAILURES) as [keyof typeof FAILURES, ...(keyof typeof FAILURES)[]]);
export type FailureClass = z.infer<typeof FailureClass>;

/**
 * Exit code of a program that found a later attempt at its stage: it wrote nothing, and nobody waits for it.
 * Executors report it as `stopped`: the workflow then looks for who is at it. *Ours*.
 */
export const FENCED_EXIT_CODE = 75;

/** What a bare exit code says. Where more is known (OOMKilled, a stop that was asked for) the executor decides first. */
export function failureOfExitCode(exitCode: number): FailureClass {
  const known = FailureClass.options.find((name) => FAILURES[name].exitCode === exitCode);
  return known ?? 'Crashed';
}

/** One failed execution, as the ledger, the status and the report tell it. */
export const Failure = z.object({
  class: FailureClass,
  message: z.string().describe('What happened, in words: the last thing that the program or the executor said.'),
  attempt: z.int().min(0),
  exitCode: z.int().nullable().default(null),
  part: z.int().min(0).nullable().default(null).describe('Index of the shard or rank that failed first.'),
  node: z.string().nullable().default(null).describe('Machine, or slot of it, on which that pod ran.'),
});
export type Failure = z.infer<typeof Failure>;

/** How one execution of a stage (one Job) ended. */
export const Outcome = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('completed') }),
  z.object({ kind: z.literal('failed'), failure: Failure }),
  /** It was asked to stop (pause or cancel), and has. */
  z.object({ kind: z.literal('stopped') }),
]);
export type Outcome = z.infer<typeof Outcome>;
