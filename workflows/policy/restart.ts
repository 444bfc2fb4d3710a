import {
  afterFailure,
  FAILURES,
  type Failure,
  type FailureAction,
  FailureClass,
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

/** What follows from the end of an execution. */
export type Action =
  | { readonly kind: 'seal' }
  | { readonly kind: 'again'; readonly ledger: Ledger; readonly failure: Incident; readonly delaySeconds: number }
  | { readonly kind: 'await-resume' }
  | { readonly kind: 'give-up'; readonly ledger: Ledger; readonly failure: Incident };

/**
 * The decision over the failure table: is there another attempt, when, and what has been spent?
 * A preemption takes a new attempt and spares the budget; every class has a budget of its own, which begins anew whenever work was kept,
 * and one of the day, which does not.
 * @param ledger - as {@link afterKeptWork} leaves it
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
  const followed = givesUp ? gaveUp(failure, rule, isSpent) : wentOn(failure, rule, spent, delaySeconds);
  const incident: Incident = { ...failure, at, followed, costSeconds: 0, lostUnits: 0 };
  const after = afterFailure(ledger, incident);
  if (givesUp) return { kind: 'give-up', ledger: after, failure: incident };
  return { kind: 'again', ledger: excluding(after, failure, rule), failure: incident, delaySeconds };
}

/** Wait before the next attempt after the `failures`-th failure of a class: `initial`, doubled each time, at most `max`. */
export function backoffSeconds(
  { backoffSeconds: { initial, max } }: Pick<FailureRule, 'backoffSeconds'>,
  failures: number,
): number {
  // Bounded, because 0 times an infinite power is not a number.
  return Math.min(max, initial * 2 ** Math.min(30, Math.max(0, failures - 1)));
}

/** A micro-batch of 65,536 sequences is one sequence by then. *Ours*. */
const MOST_HALVINGS = 16;

/** What the next execution does differently because of what has happened. */
export interface Remedies {
  /** Factor on the micro-batch: halved by every failure that asks for it, and never doubled again: what did not fit will not. */
  readonly microBatchScale: number;
  /** How many of the newest checkpoints are given up. */
  readonly earlierCheckpoints: number;
  readonly excludedNodes: readonly string[];
}

/**
 * The remedies of the failure table, or of the spec in its place.
 * @param lastAttempt - the attempt before; null if there was none. Only right after a divergence are checkpoints given up, so that
 *   those made since then are kept
 */
export function remedies(ledger: Ledger, run: Pick<Run, 'failures'>, lastAttempt: number | null): Remedies {
  const last = ledger.history.at(-1);
  const actionOf = (failure: FailureClass): FailureAction => ruleOf(run, failure).action;
  const asks =
    last !== undefined && last.attempt === lastAttempt && actionOf(last.class) === 'retry-earlier-checkpoint';
  const halvings = FailureClass.options
    .filter((name) => actionOf(name) === 'retry-smaller-micro-batch')
    .reduce((sum, name) => sum + (ledger.failures[name] ?? 0), 0);
  return {
    microBatchScale: 0.5 ** Math.min(MOST_HALVINGS, halvings),
    earlierCheckpoints: asks ? spentOn(ledger, last.class) : 0,
    excludedNodes: ledger.excludedNodes,
  };
}

/** Keeps away from the node that failed, also after work was kept: that mends no machine. Of many the oldest are tried again first. */
function excluding(ledger: Ledger, { node }: Failure, { action }: FailureRule): Ledger {
  if (action !== 'retry-other-nodes' || node === null) return ledger;
  const excludedNodes = [...ledger.excludedNodes.filter((name) => name !== node), node].slice(-MAX_EXCLUDED_NODES);
  return { ...ledger, excludedNodes };
}

function gaveUp(failure: Failure, { action, budget, budgetPerDay }: FailureRule, isSpent: boolean): string {
  if (action === 'stop') return `no other attempt: ${FAILURES[failure.class].words}`;
  if (!isSpent) {
    return `no other attempt: ${failure.class} came more than ${budgetPerDay} times in 24 h, although work was kept between them`;
  }
  return `no other attempt: the ${budget} that ${failure.class} may cost ${budget === 1 ? 'is' : 'are'} spent`;
}

function wentOn({ node }: Failure, { action, budget }: FailureRule, spent: number, delaySeconds: number): string {
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
