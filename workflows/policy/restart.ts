import {
  afterFailure,
  FAILURE_CLASSES,
  FAILURES,
  type Failure,
  type FailureAction,
  type FailureClass,
  type FailureRule,
  type Incident,
  type Ledger,
  MAX_EXCLUDED_NODES,
  type Outcome,
  type Run,
  ruleOf,
  spentInDay,
  spentOn,
} from '../../spec/index.ts';

/** What a stage does after the end of an execution. */
export type Action =
  | { readonly kind: 'seal' }
  | { readonly kind: 'again'; readonly ledger: Ledger; readonly failure: Incident; readonly delaySeconds: number }
  | { readonly kind: 'await-resume' }
  | { readonly kind: 'give-up'; readonly ledger: Ledger; readonly failure: Incident };

/**
 * Applies the failure table: decides whether there is another attempt, and when, and counts the failure. A preemption
 * takes a new attempt but does not count towards a budget. Each failure class has two budgets: one that resets whenever
 * an execution keeps new work, and one per day that does not reset.
 * @param ledger - result of {@link afterKeptWork}
 * @param at - now, ISO 8601
 */
export function nextAction(ledger: Ledger, outcome: Outcome, run: Pick<Run, 'failures'>, at: string): Action {
  if (outcome.kind === 'completed') return { kind: 'seal' };
  if (outcome.kind === 'stopped') return { kind: 'await-resume' };
  const { failure } = outcome;
  const rule = ruleOf(run, failure.class);
  const spent = spentOn(ledger, failure.class) + 1;
  const isSpent = rule.budget !== null && spent > rule.budget;
  const isDaySpent = rule.budgetPerDay !== null && spentInDay(ledger, failure.class, at) + 1 > rule.budgetPerDay;
  const givesUp = rule.action === 'stop' || isSpent || isDaySpent;
  const delaySeconds = backoffSeconds(rule, spent);
  const followed = givesUp
    ? describeGivingUp(failure, rule, isSpent)
    : describeRetry(failure, rule, spent, delaySeconds);
  const incident: Incident = { ...failure, at, followed, costSeconds: 0, lostUnits: 0 };
  const after = afterFailure(ledger, incident);
  if (givesUp) return { kind: 'give-up', ledger: after, failure: incident };
  return { kind: 'again', ledger: withExcludedNode(after, failure, rule), failure: incident, delaySeconds };
}

/**
 * Wait before the next attempt after the `failures`-th failure of a class: `initial`, doubled for each further failure,
 * at most `max`.
 */
export function backoffSeconds(
  { backoffSeconds: { initial, max } }: Pick<FailureRule, 'backoffSeconds'>,
  failures: number,
): number {
  // The exponent is bounded because 0 times infinity is NaN.
  return Math.min(max, initial * 2 ** Math.min(30, Math.max(0, failures - 1)));
}

/** So many halvings turn a micro-batch of 65,536 sequences into one sequence. *Ours*. */
const MAX_HALVINGS = 16;

/** What the next execution does differently because of earlier failures. */
export interface Remedies {
  /**
   * Factor for the micro-batch. Halved by each failure whose action asks for it. Never raised again: what did not fit
   * will not fit later.
   */
  readonly microBatchScale: number;
  /** How many of the newest checkpoints to skip. */
  readonly earlierCheckpoints: number;
  readonly excludedNodes: readonly string[];
}

/**
 * The remedies that the failure table asks for, with the overrides of the spec.
 * @param lastAttempt - number of the previous attempt; null if there was none. Checkpoints are skipped only in the
 *   attempt right after the failure that asks for it. Later attempts use the checkpoints made since then
 */
export function remedies(ledger: Ledger, run: Pick<Run, 'failures'>, lastAttempt: number | null): Remedies {
  const last = ledger.history.at(-1);
  const actionOf = (failure: FailureClass): FailureAction => ruleOf(run, failure).action;
  const asks =
    last !== undefined && last.attempt === lastAttempt && actionOf(last.class) === 'retry-earlier-checkpoint';
  const halvings = FAILURE_CLASSES.filter((name) => actionOf(name) === 'retry-smaller-micro-batch').reduce(
    (sum, name) => sum + (ledger.failures[name] ?? 0),
    0,
  );
  return {
    microBatchScale: 0.5 ** Math.min(MAX_HALVINGS, halvings),
    earlierCheckpoints: asks ? spentOn(ledger, last.class) : 0,
    excludedNodes: ledger.excludedNodes,
  };
}

/**
 * Excludes the node of a failure. Work that is kept later does not end the exclusion, because it repairs no machine.
 * The oldest exclusions end first when there are too many.
 */
function withExcludedNode(ledger: Ledger, { node }: Failure, { action }: FailureRule): Ledger {
  if (action !== 'retry-other-nodes' || node === null) return ledger;
  const excludedNodes = [...ledger.excludedNodes.filter((name) => name !== node), node].slice(-MAX_EXCLUDED_NODES);
  return { ...ledger, excludedNodes };
}

function describeGivingUp(failure: Failure, { action, budget, budgetPerDay }: FailureRule, isSpent: boolean): string {
  if (action === 'stop') return `no other attempt: ${FAILURES[failure.class].message}`;
  if (!isSpent) {
    return `no other attempt: more than ${budgetPerDay} failures of class ${failure.class} in 24 h, although executions kept work between them`;
  }
  return `no other attempt: the budget of ${budget} for ${failure.class} is used up`;
}

function describeRetry(
  { node }: Failure,
  { action, budget }: FailureRule,
  spent: number,
  delaySeconds: number,
): string {
  const how: Record<Exclude<FailureAction, 'stop'>, string> = {
    retry: 'another attempt',
    'retry-earlier-checkpoint': 'another attempt from an earlier checkpoint',
    'retry-smaller-micro-batch': 'another attempt with half the micro-batch',
    'retry-other-nodes': node === null ? 'another attempt' : `another attempt, not on ${node}`,
  };
  const when = delaySeconds > 0 ? ` after ${delaySeconds} s` : ' at once';
  const left = budget === null ? '' : ` (${spent} of ${budget})`;
  return how[action as Exclude<FailureAction, 'stop'>] + when + left;
}
