import { describe, expect, test } from 'vitest';
import { FAILURES, FailureClass, type Ledger, NEW_LEDGER, type Outcome, type Run } from '../../spec/index.ts';
import { backoffSeconds, nextAction, remedies } from '../../workflows/policy/restart.ts';
import { anIncident } from '../support/builders.ts';

const RUN = { failures: {} };
const AT = '2026-01-01T00:00:00.000Z';
const failed = (failure: FailureClass, node: string | null = null): Outcome => ({
  kind: 'failed',
  failure: { class: failure, message: 'as it said', attempt: 0, exitCode: null, part: null, node },
});
const decide = (ledger: Ledger, outcome: Outcome, run: Pick<Run, 'failures'> = RUN) =>
  nextAction(ledger, outcome, run, AT);

/** Ledger after so many failures of a class. */
function having(failure: FailureClass, times: number): Ledger {
  return { ...NEW_LEDGER, failures: { [failure]: times } };
}

describe('the restart decision', () => {
  test('seals a completed execution', () => {
    expect(decide(NEW_LEDGER, { kind: 'completed' })).toEqual({ kind: 'seal' });
  });

  test('waits for the resume after a stop that was asked for, and spends nothing', () => {
    expect(decide(NEW_LEDGER, { kind: 'stopped' })).toEqual({ kind: 'await-resume' });
  });

  test.each(FailureClass.options.filter((name) => FAILURES[name].action !== 'stop'))(
    '%s gets another attempt',
    (name) => {
      expect(decide(NEW_LEDGER, failed(name))).toMatchObject({
        kind: 'again',
        ledger: { failures: { [name]: 1 } },
      });
    },
  );

  test.each(FailureClass.options.filter((name) => FAILURES[name].action === 'stop'))(
    '%s ends the stage at once',
    (name) => {
      expect(decide(NEW_LEDGER, failed(name))).toMatchObject({ kind: 'give-up', failure: { class: name } });
    },
  );

  test.each(
    FailureClass.options.flatMap((name) =>
      FAILURES[name].action !== 'stop' && FAILURES[name].budget !== null
        ? [{ name, budget: FAILURES[name].budget as number }]
        : [],
    ),
  )('$name gives up after $budget further attempts', ({ name, budget }) => {
    expect(decide(having(name, budget - 1), failed(name)).kind).toBe('again');
    expect(decide(having(name, budget), failed(name)).kind).toBe('give-up');
  });

  test('a preemption never gives up', () => {
    expect(decide(having('Preempted', 10_000), failed('Preempted'))).toMatchObject({
      kind: 'again',
      delaySeconds: 0,
    });
  });

  test('every class has a budget of its own', () => {
    const ledger = { ...NEW_LEDGER, failures: { Crashed: 3, OutOfMemory: 2 } };
    expect(decide(ledger, failed('Stalled')).kind).toBe('again');
    expect(decide(ledger, failed('Crashed')).kind).toBe('give-up');
  });

  test('the spec may set another budget, no limit, another back-off and another action', () => {
    const having3 = having('Crashed', 3);
    expect(decide(NEW_LEDGER, failed('Crashed'), { failures: { Crashed: { budget: 0 } } }).kind).toBe('give-up');
    expect(decide(having3, failed('Crashed'), { failures: { Crashed: { budget: 9 } } }).kind).toBe('again');
    expect(decide(having('Crashed', 999), failed('Crashed'), { failures: { Crashed: { budget: null } } }).kind).toBe(
      'again',
    );
    const backoffSeconds = { initial: 1, max: 2 };
    expect(decide(NEW_LEDGER, failed('Crashed'), { failures: { Crashed: { backoffSeconds } } })).toMatchObject({
      delaySeconds: 1,
    });
    expect(decide(NEW_LEDGER, failed('Crashed'), { failures: { Crashed: { action: 'stop' } } }).kind).toBe('give-up');
  });

  test('says in words what was done', () => {
    const followed = (ledger: Ledger, outcome: Outcome) => {
      const action = decide(ledger, outcome);
      return 'failure' in action ? action.failure.followed : null;
    };
    expect(followed(NEW_LEDGER, failed('Crashed'))).toBe('another attempt after 5 s (1 of 3)');
    expect(followed(NEW_LEDGER, failed('NodeFailure', 'host/gpu-3'))).toBe(
      'another attempt, not on host/gpu-3 at once (1 of 10)',
    );
    expect(followed(NEW_LEDGER, failed('Preempted'))).toBe('another attempt at once');
    expect(followed(having('Crashed', 3), failed('Crashed'))).toBe(
      'no other attempt: the 3 that Crashed may cost are spent',
    );
    expect(followed(NEW_LEDGER, failed('InvalidInput'))).toMatch(/^no other attempt: the spec or the data is wrong/);
  });

  test('keeps away from the nodes that failed, each named once, the oldest let go of when there are many', () => {
    let ledger = NEW_LEDGER;
    for (const node of ['a', 'b', 'a', ...Array.from({ length: 15 }, (_, index) => `n${index}`)]) {
      const action = decide({ ...ledger, failures: {} }, failed('NodeFailure', node));
      if (action.kind === 'again') ledger = action.ledger;
    }
    expect(ledger.excludedNodes).toHaveLength(16);
    expect(ledger.excludedNodes).toContain('a');
    expect(ledger.excludedNodes).not.toContain('b');
    expect(remedies(ledger, RUN, null).excludedNodes).toEqual(ledger.excludedNodes);
  });

  test('a crash excludes no node', () => {
    expect(decide(NEW_LEDGER, failed('Crashed', 'a'))).toMatchObject({ ledger: { excludedNodes: [] } });
  });

  test('the wait doubles with every failure of a class, up to its limit', () => {
    const rule = { backoffSeconds: { initial: 5, max: 60 } };
    expect([1, 2, 3, 4, 5, 50].map((failures) => backoffSeconds(rule, failures))).toEqual([5, 10, 20, 40, 60, 60]);
  });

  test('every out-of-memory halves the micro-batch', () => {
    expect(remedies(NEW_LEDGER, RUN, null).microBatchScale).toBe(1);
    expect(remedies(having('OutOfMemory', 2), RUN, 5).microBatchScale).toBe(0.25);
  });

  test('a divergence gives up the newest checkpoint for the next attempt, and not for those after it', () => {
    const history = [anIncident({ class: 'Diverged', attempt: 4 })];
    const ledger = { ...NEW_LEDGER, failures: { Diverged: 1 }, history };
    expect(remedies(ledger, RUN, 4).earlierCheckpoints).toBe(1);
    expect(remedies(ledger, RUN, 5).earlierCheckpoints).toBe(0);
  });

  test('the ledger keeps the last failures and not all of a long life', () => {
    let ledger = NEW_LEDGER;
    for (let times = 0; times < 50; times += 1) {
      const action = decide(ledger, failed('Preempted'));
      if (action.kind === 'again') ledger = action.ledger;
    }
    expect(ledger.failures.Preempted).toBe(50);
    expect(ledger.history).toHaveLength(20);
  });
});
