import { describe, expect, test } from 'vitest';
import { FAILURES, type Failure, FailureClass, type Ledger, NEW_LEDGER, type Outcome } from '../../spec/index.ts';
import { backoffSeconds, nextAction, remedies } from '../../workflows/policy/restart.ts';

const RUN = { failureBudgets: {} };
const failed = (failure: FailureClass): Outcome => ({ kind: 'failed', failure: aFailure(failure) });
const aFailure = (failure: FailureClass): Failure => ({
  class: failure,
  message: 'as it said',
  attempt: 0,
  exitCode: null,
  part: null,
});

/** Ledger after so many failures of a class. */
function having(failure: FailureClass, times: number): Ledger {
  return { ...NEW_LEDGER, failures: { [failure]: times } };
}

describe('the restart decision', () => {
  test('seals a completed execution', () => {
    expect(nextAction(NEW_LEDGER, { kind: 'completed' }, RUN)).toEqual({ kind: 'seal' });
  });

  test('waits for the resume after a stop that was asked for, and spends nothing', () => {
    expect(nextAction(NEW_LEDGER, { kind: 'stopped' }, RUN)).toEqual({ kind: 'await-resume' });
  });

  test.each(FailureClass.options.filter((name) => FAILURES[name].retryable))('%s gets another attempt', (name) => {
    expect(nextAction(NEW_LEDGER, failed(name), RUN)).toMatchObject({
      kind: 'again',
      ledger: { failures: { [name]: 1 } },
    });
  });

  test.each(FailureClass.options.filter((name) => !FAILURES[name].retryable))('%s ends the stage at once', (name) => {
    expect(nextAction(NEW_LEDGER, failed(name), RUN)).toMatchObject({ kind: 'give-up', failure: { class: name } });
  });

  test.each(
    FailureClass.options.flatMap((name) =>
      FAILURES[name].retryable && FAILURES[name].budget !== null
        ? [{ name, budget: FAILURES[name].budget as number }]
        : [],
    ),
  )('$name gives up after $budget further attempts', ({ name, budget }) => {
    expect(nextAction(having(name, budget - 1), failed(name), RUN).kind).toBe('again');
    expect(nextAction(having(name, budget), failed(name), RUN).kind).toBe('give-up');
  });

  test('a preemption never gives up', () => {
    expect(nextAction(having('Preempted', 10_000), failed('Preempted'), RUN)).toMatchObject({
      kind: 'again',
      delaySeconds: 0,
    });
  });

  test('every class has a budget of its own', () => {
    const ledger = { ...NEW_LEDGER, failures: { Crashed: 3, OutOfMemory: 2 } };
    expect(nextAction(ledger, failed('Stalled'), RUN).kind).toBe('again');
    expect(nextAction(ledger, failed('Crashed'), RUN).kind).toBe('give-up');
  });

  test('the spec may set another budget', () => {
    expect(nextAction(NEW_LEDGER, failed('Crashed'), { failureBudgets: { Crashed: 0 } }).kind).toBe('give-up');
    expect(nextAction(having('Crashed', 3), failed('Crashed'), { failureBudgets: { Crashed: 9 } }).kind).toBe('again');
  });

  test('the wait doubles with every failure of a class, up to its limit', () => {
    const rule = { backoffSeconds: { initial: 5, max: 60 } };
    expect([1, 2, 3, 4, 5, 50].map((failures) => backoffSeconds(rule, failures))).toEqual([5, 10, 20, 40, 60, 60]);
  });

  test('every out-of-memory halves the micro-batch', () => {
    expect(remedies(NEW_LEDGER, null).microBatchScale).toBe(1);
    expect(remedies(having('OutOfMemory', 2), 5).microBatchScale).toBe(0.25);
  });

  test('a divergence gives up the newest checkpoint for the next attempt, and not for those after it', () => {
    const history = [{ ...aFailure('Diverged'), attempt: 4 }];
    const ledger = { ...NEW_LEDGER, failures: { Diverged: 1 }, history };
    expect(remedies(ledger, 4).earlierCheckpoints).toBe(1);
    expect(remedies(ledger, 5).earlierCheckpoints).toBe(0);
  });

  test('the ledger keeps the last failures and not all of a long life', () => {
    let ledger = NEW_LEDGER;
    for (let times = 0; times < 50; times += 1) {
      const action = nextAction(ledger, failed('Preempted'), RUN);
      if (action.kind === 'again') ledger = action.ledger;
    }
    expect(ledger.failures.Preempted).toBe(50);
    expect(ledger.history).toHaveLength(20);
  });
});
