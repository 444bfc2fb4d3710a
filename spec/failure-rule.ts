import { BUDGET_PER_DAY, FAILURES, type TableRow } from './failure-table.ts';
import type { FailureClass } from './failures.ts';
import type { Run } from './run.ts';

/** How a stage handles a failure class: a row of the failure table with the overrides of the stage. */
export interface FailureRule extends TableRow {
  /** null: no limit. */
  readonly budgetPerDay: number | null;
}

/** The rule for one failure class: the row of the failure table with the overrides of the stage. */
export function ruleOf(run: Pick<Run, 'failures'>, failure: FailureClass): FailureRule {
  const table = FAILURES[failure];
  const set = run.failures[failure] ?? {};
  const { action = table.action, backoffSeconds = table.backoffSeconds } = set;
  const budget = set.budget === undefined ? table.budget : set.budget;
  const perDay = budget === null ? null : Math.max(BUDGET_PER_DAY, budget);
  const budgetPerDay = set.budgetPerDay === undefined ? perDay : set.budgetPerDay;
  return { ...table, action, budget, budgetPerDay, backoffSeconds };
}
