import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ExecutionFacts, effectiveRatio, NEW_LEDGER, TimeKind } from '../../spec/index.ts';
import {
  type Accounting,
  beginRecovery,
  charge,
  chargeActivity,
  chargeExecution,
  chargeWait,
  incidentsWithCost,
  newAccounting,
} from '../../workflows/policy/accounting.ts';
import { anIncident } from '../support/builders.ts';

const T0 = Date.parse('2026-01-01T00:00:00Z');
/** ms since the epoch, `seconds` after the start. */
const at = (seconds: number): number => T0 + seconds * 1000;
const iso = (seconds: number): string => new Date(at(seconds)).toISOString();

const facts = (change: Partial<ExecutionFacts> = {}): ExecutionFacts => ({
  firstPodAt: iso(10),
  beganAt: iso(30),
  toldAt: iso(100),
  endedAt: iso(100),
  from: 0,
  done: 70,
  unit: 'optimizer step',
  savingSeconds: 5,
  ...change,
});

const total = ({ account }: Accounting): number =>
  TimeKind.options.reduce((sum, kind) => sum + account.seconds[kind], 0);
const spent = ({ account }: Accounting) => Object.fromEntries(Object.entries(account.seconds).filter(([, s]) => s > 0));

describe('the time accounting of a stage', () => {
  test('an execution is queued, starts, works and saves', () => {
    const accounting = chargeExecution(newAccounting(T0), facts(), at(100));
    expect(spent(accounting)).toEqual({ queued: 10, starting: 20, working: 65, saving: 5 });
    expect(effectiveRatio(accounting.account)).toBeCloseTo(0.65);
    expect(accounting.podSeconds).toBe(90);
  });

  test('an end that nobody was there to see is waiting for the worker', () => {
    const accounting = chargeExecution(newAccounting(T0), facts(), at(700));
    expect(spent(accounting)).toEqual({ queued: 10, starting: 20, working: 65, saving: 5, 'waiting-for-worker': 600 });
    expect(accounting.account.causes).toEqual({ NoWorker: { times: 1, seconds: 600 } });
  });

  test('an execution that no machine was found for was queued, one that never reported was starting', () => {
    const none = facts({ firstPodAt: null, beganAt: null, from: null, done: null, savingSeconds: 0 });
    expect(spent(chargeExecution(newAccounting(T0), none, at(100)))).toEqual({ queued: 100 });
    const silent = facts({ beganAt: null, from: null, done: null, savingSeconds: 0 });
    expect(spent(chargeExecution(newAccounting(T0), silent, at(100)))).toEqual({ queued: 10, starting: 90 });
  });

  test('work that the next execution does not find was lost to the failure, with what it took to begin again', () => {
    // 70 steps in 65 s of work; the newest checkpoint is of step 56, so 14 steps (13 s) are done again.
    const failed = beginRecovery(chargeExecution(newAccounting(T0), facts(), at(100)), 'Crashed', 0);
    const waited = chargeWait(failed, 'backing-off', 5, at(105));
    const next = facts({
      firstPodAt: iso(107),
      beganAt: iso(117),
      endedAt: iso(200),
      from: 56,
      done: 100,
      savingSeconds: 0,
    });
    const accounting = chargeExecution(waited, next, at(200));
    expect(spent(accounting)).toEqual({
      queued: 10 + 2,
      starting: 20 + 10,
      working: 65 - 13 + 83,
      saving: 5,
      lost: 13,
      'backing-off': 5,
    });
    expect(accounting.account.causes).toEqual({ Crashed: { times: 1, seconds: 5 + 2 + 10 + 13 } });
    const ledger = { ...NEW_LEDGER, history: [anIncident({ class: 'Crashed', attempt: 0 })] };
    expect(incidentsWithCost(ledger, accounting)).toMatchObject([{ attempt: 0, costSeconds: 30, lostUnits: 14 }]);
  });

  test('what a failed execution did after its last word was lost: the unit under way, or the time in which it hung', () => {
    // At work for 65 s, then silent for 600 s until the stall limit.
    const hung = beginRecovery(
      chargeExecution(newAccounting(T0), facts({ endedAt: iso(700) }), at(700), 'Stalled'),
      'Stalled',
      0,
    );
    expect(spent(hung)).toEqual({ queued: 10, starting: 20, working: 65, saving: 5, lost: 600 });
    const next = facts({
      firstPodAt: iso(700),
      beganAt: iso(710),
      toldAt: iso(740),
      endedAt: iso(740),
      from: 56,
      done: 100,
    });
    const accounting = chargeExecution(hung, { ...next, savingSeconds: 0 }, at(740));
    expect(spent(accounting)).toMatchObject({ working: 65 - 13 + 30, lost: 600 + 13 });
    expect(accounting.account.causes).toEqual({ Stalled: { times: 1, seconds: 600 + 10 + 13 } });
    const ledger = { ...NEW_LEDGER, history: [anIncident({ class: 'Stalled', attempt: 0 })] };
    expect(incidentsWithCost(ledger, accounting)).toMatchObject([{ attempt: 0, costSeconds: 623, lostUnits: 14 }]);
  });

  test('what a completed execution did after its last word was work: it wrote its results', () => {
    const accounting = chargeExecution(newAccounting(T0), facts({ toldAt: iso(80) }), at(100));
    expect(spent(accounting)).toEqual({ queued: 10, starting: 20, working: 65, saving: 5 });
  });

  test('an execution that dies before it works leaves the question of what was lost to the one after it', () => {
    const first = beginRecovery(chargeExecution(newAccounting(T0), facts(), at(100)), 'NodeFailure', 0);
    const dead = facts({
      firstPodAt: iso(100),
      beganAt: null,
      endedAt: iso(110),
      from: null,
      done: null,
      savingSeconds: 0,
    });
    const second = beginRecovery(chargeExecution(first, dead, at(110)), 'Crashed', 1);
    const third = facts({
      firstPodAt: iso(110),
      beganAt: iso(120),
      endedAt: iso(150),
      from: 70,
      done: 90,
      savingSeconds: 0,
    });
    const accounting = chargeExecution(second, third, at(150));
    expect(accounting.account.seconds.lost).toBe(0);
    expect(accounting.account.causes).toEqual({
      NodeFailure: { times: 1, seconds: 10 },
      Crashed: { times: 1, seconds: 10 },
    });
  });

  test('a pause costs what it takes to begin again; the paused time itself is left out of the ratio', () => {
    const stopped = beginRecovery(
      chargeExecution(newAccounting(T0), facts({ savingSeconds: 0, beganAt: iso(10) }), at(100)),
      'Pause',
      null,
    );
    const paused = charge(stopped, 'paused', at(10_000));
    const next = facts({
      firstPodAt: iso(10_000),
      beganAt: iso(10_010),
      endedAt: iso(10_100),
      from: 70,
      done: 140,
      savingSeconds: 0,
    });
    const accounting = chargeExecution(paused, next, at(10_100));
    expect(spent(accounting)).toEqual({ queued: 10, starting: 10, working: 180, paused: 9900 });
    expect(accounting.account.causes).toEqual({ Pause: { times: 1, seconds: 10 } });
    expect(effectiveRatio(accounting.account)).toBeCloseTo(0.9);
  });

  test('an activity is orrery’s own time, but for the time in which no worker took it up', () => {
    const quick = chargeActivity(newAccounting(T0), { startedAt: at(0.1), finishedAt: at(0.4) }, at(0.5));
    expect(spent(quick)).toEqual({ orchestrating: 0.5 });
    const late = chargeActivity(newAccounting(T0), { startedAt: at(60), finishedAt: at(61) }, at(61));
    expect(spent(late)).toEqual({ orchestrating: 1, 'waiting-for-worker': 60 });
  });

  test('a wait that took longer than meant is the want of a worker', () => {
    expect(spent(chargeWait(newAccounting(T0), 'backing-off', 5, at(65)))).toEqual({
      'backing-off': 5,
      'waiting-for-worker': 60,
    });
  });

  test('every second is charged once, whatever the clocks of other machines say', () => {
    const time = fc.option(fc.integer({ min: -5000, max: 5000 }).map(iso), { nil: null });
    const someFacts = fc.record({
      firstPodAt: time,
      beganAt: time,
      toldAt: time,
      endedAt: time,
      from: fc.option(fc.nat(100), { nil: null }),
      done: fc.option(fc.nat(200), { nil: null }),
      unit: fc.constant(null),
      savingSeconds: fc.nat(50),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(someFacts, fc.nat(1000), fc.nat(20)), { maxLength: 8 }), (executions) => {
        let accounting = newAccounting(T0);
        let now = 0;
        for (const [index, [someone, length, wait]] of executions.entries()) {
          now += length;
          accounting = beginRecovery(chargeExecution(accounting, someone, at(now), 'Crashed'), 'Crashed', index);
          now += wait;
          accounting = chargeWait(accounting, 'backing-off', 5, at(now));
        }
        expect(total(accounting)).toBeCloseTo(now, 6);
        for (const kind of TimeKind.options) expect(accounting.account.seconds[kind]).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  test('a clock that is set back charges nothing twice', () => {
    const accounting = charge(charge(newAccounting(T0), 'working', at(100)), 'paused', at(50));
    expect(spent(charge(accounting, 'paused', at(110)))).toEqual({ working: 100, paused: 10 });
  });
});
