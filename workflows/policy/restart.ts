import {
  afterFailure,
  budgetOf,
  FAILURES,
  type Failure,
  type FailureRule,
  type Ledger,
  type Outcome,
  type Run,
} from '../../spec/index.ts';

/** What follows from the end of an execution. */
export type Action =
  | { readonly kind: 'seal' }
  | { readonly kind: 'again'; readonly ledger: Ledger; readonly failure: Failure; readonly delaySeconds: number }
  | { readonly kind: 'await-resume' }
  | { readonly kind: 'give-up'; readonly ledger: Ledger; readonly failure: Failure };

/**
 * The decision over the failure table: is there another attempt, when, and what has been spent?
 * A preemption takes a new attempt and spares the budget; every class has a budget of its own.
 */
export function nextAction(ledger: Ledger, outcome: Outcome, run: Pick<Run, 'failureBudgets'>): Action {
  if (outcome.kind === 'completed') return { kind: 'seal' };
  if (outcome.kind === 'stopped') return { kind: 'await-resume' };
  const { failure } = outcome;
  const rule: FailureRule = FAILURES[failure.class];
  const budget = budgetOf(run, failure.class);
  const after = afterFailure(ledger, failure);
  const spent = after.failures[failure.class] ?? 0;
  if (!rule.retryable || (budget !== null && spent > budget)) return { kind: 'give-up', ledger: after, failure };
  return { kind: 'again', ledger: after, failure, delaySeconds: backoffSeconds(rule, spent) };
}

/** Wait before the next attempt after the `failures`-th failure of a class: `initial`, doubled each time, at most `max`. */
export function backoffSeconds(
  { backoffSeconds: { initial, max } }: Pick<FailureRule, 'backoffSeconds'>,
  failures: number,
): number {
  // Bounded, because 0 times an infinite power is not a number.
  return Math.min(max, initial * 2 ** Math.min(30, Math.max(0, failures - 1)));
}

/**
 * What the next execution does differently because of what has happened: the remedies of the failure table.
 * @param lastAttempt - the attempt before; null if there was none. Only right after a divergence are checkpoints given up, so that
 *   those made since then are kept
 */
export function remedies(
  ledger: Ledger,
  lastAttempt: number | null,
): { microBatchScale: number; earlierCheckpoints: number } {
  const last = ledger.history.at(-1);
  const justDiverged = last?.class === 'Diverged' && last.attempt === lastAttempt;
  return {
    microBatchScale: 0.5 ** (ledger.failures.OutOfMemory ?? 0),
    earlierCheckpoints: justDiverged ? (ledger.failures.Diverged ?? 0) : 0,
  };
}
