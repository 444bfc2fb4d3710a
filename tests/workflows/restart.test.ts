import { describe, expect, test } from 'vitest';
import {
  afterKeptWork,
  afterRetry,
  FAILURES,
  FailureClass,
  type Ledger,
  NEW_LEDGER,
  type Outcome,
  type Run,
} from '../../spec/index.ts';
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
      'no other attempt: the budget of 3 for Crashed is used up',
    );
    expect(followed(NEW_LEDGER, failed('InvalidInput'))).toMatch(/^no other attempt: the spec or the data is invalid/);
  });

  test('keeps away from the nodes that failed, each named once, the oldest let go of when there are many', () => {
    let ledger = NEW_LEDGER;
    for (const node of ['a', 'b', 'a', ...Array.from({ length: 15 }, (_, index) => `n${index}`)]) {
      const action = decide({ ...ledger, spent: {} }, failed('NodeFailure', node));
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

  test('a retry that a person asked for begins the budgets anew, and forgets neither what has happened nor the micro-batch', () => {
    let ledger = NEW_LEDGER;
    for (let times = 0; times < 2; times += 1) {
      const action = decide(ledger, failed('OutOfMemory'));
      if (action.kind === 'again') ledger = action.ledger;
    }
    const retried = afterRetry(ledger);
    expect(decide(retried, failed('OutOfMemory')).kind).toBe('again');
    expect(retried.failures).toEqual({ OutOfMemory: 2 });
    expect(remedies(retried, RUN, 1).microBatchScale).toBe(0.25);
  });

  test('the micro-batch of a long life is a number still', () => {
    expect(remedies(having('OutOfMemory', 100_000), RUN, 5).microBatchScale).toBe(2 ** -16);
  });
});

describe('a budget', () => {
  const HOUR_MS = 3_600_000;
  /**
   * Failures of one execution after the other.
   * @param keptAfter - what the n-th has kept, of the whole stage or of a shard
   */
  function lives(
    failures: number,
    keptAfter: (n: number) => Parameters<typeof afterKeptWork>[1],
    {
      run = RUN,
      everyMs = 60_000,
      of = 'Crashed' as FailureClass,
    }: { run?: Pick<Run, 'failures'>; everyMs?: number; of?: FailureClass } = {},
  ) {
    let ledger = NEW_LEDGER;
    for (let n = 1; n <= failures; n += 1) {
      const at = new Date(Date.parse(AT) + n * everyMs).toISOString();
      const action = nextAction(afterKeptWork(ledger, keptAfter(n)), failed(of), run, at);
      if (action.kind !== 'again') return { survived: n - 1, action, ledger };
      ledger = action.ledger;
    }
    return { survived: failures, action: null, ledger };
  }
  const step = (n: number) => ({ part: null, from: n - 1, units: n });

  test('is not spent by 100 kills, each after a kept checkpoint', () => {
    const { survived, ledger } = lives(100, step);
    expect(survived).toBe(100);
    expect(ledger).toMatchObject({ failures: { Crashed: 100 }, spent: { Crashed: 1 } });
  });

  test('is spent by kills that keep nothing, or of which nothing is known', () => {
    expect(lives(20, () => ({ part: null, from: 7, units: 7 })).survived).toBe(3);
    expect(lives(20, () => null).survived).toBe(3);
  });

  test('is spent where the same work is kept and lost again and again', () => {
    expect(lives(20, () => ({ part: null, from: 80, units: 90 })).survived).toBe(3);
    const diverged = lives(20, (n) => ({ part: null, from: n === 1 ? 0 : 80, units: 90 }), { of: 'Diverged' });
    expect(diverged.survived).toBe(1); // once from an earlier checkpoint, then no more
  });

  test('begins anew for every class once work is kept', () => {
    const ledger = { ...NEW_LEDGER, failures: { Crashed: 3, Stalled: 2 }, spent: { Crashed: 3, Stalled: 2 } };
    expect(decide(ledger, failed('Stalled')).kind).toBe('give-up');
    expect(decide(afterKeptWork(ledger, step(5)), failed('Stalled')).kind).toBe('again');
  });

  test('of a shard that never gets on is spent, however far the others are', () => {
    const others = (n: number) => ({
      part: n % 2 === 0 ? 3 : 4,
      from: n % 2 === 0 ? 50 : n,
      units: n % 2 === 0 ? 50 : n + 1,
    });
    expect(lives(100, (n) => ({ ...others(n), part: 3, from: 50, units: 50 })).survived).toBe(3);
    expect(lives(100, others).survived).toBe(100); // shard 4 gets on every other time
  });

  test('of the day is spent by a stage that keeps one step and crashes, again and again', () => {
    const { survived, action } = lives(1000, step);
    expect(survived).toBe(200);
    expect(action).toMatchObject({
      kind: 'give-up',
      failure: {
        followed: expect.stringMatching(
          /^no other attempt: more than 200 failures of class Crashed in 24 h, although executions kept work/,
        ),
      },
    });
    expect(lives(1000, step, { everyMs: HOUR_MS / 6 }).survived).toBe(1000); // 144 a day
  });

  test('of the day is set by the spec, and there is none where the budget has no limit', () => {
    expect(lives(100, step, { run: { failures: { Crashed: { budgetPerDay: 5 } } } }).survived).toBe(5);
    expect(lives(1000, step, { run: { failures: { Crashed: { budgetPerDay: null } } } }).survived).toBe(1000);
    expect(lives(1000, () => null, { run: { failures: { Crashed: { budget: 500 } } } }).survived).toBe(500);
    expect(lives(1000, () => null, { of: 'Preempted' }).survived).toBe(1000);
  });

  test('of a ledger that an older version handed over counts all of its failures', () => {
    const older = { failures: { Crashed: 3 }, history: [], executions: 4, excludedNodes: [] };
    expect(decide(older, failed('Crashed')).kind).toBe('give-up');
    expect(decide(afterKeptWork(older, step(1)), failed('Crashed')).kind).toBe('again');
  });
});
