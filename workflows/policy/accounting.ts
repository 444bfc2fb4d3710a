import {
  type Account,
  type ExecutionFacts,
  type FailureClass,
  HISTORY_LENGTH,
  type Incident,
  type Ledger,
  type LossCause,
  NEW_ACCOUNT,
  type TimeKind,
} from '../../spec/index.ts';

/**
 * Time accounting of one stage: every second since its start is charged to exactly one kind of time. All functions are
 * pure. Times are milliseconds since the epoch by the workflow's clock.
 *
 * A stage that continues as new hands this record to its next run, which may have newer code. Renaming a field breaks
 * that run.
 */
export interface Accounting {
  readonly account: Account;
  /** All time up to this moment is charged. */
  readonly chargedUntil: number;
  /** What the stage is recovering from. Null once an execution works again. */
  readonly recovering: Recovery | null;
  /** The previous execution, until the next one reports where it resumed. */
  readonly last: Worked | null;
  /** Seconds between the last report of the last execution and its failure. 0 when it did not fail. */
  readonly unheard: number;
  /** Costs of the last failures, oldest first. */
  readonly bills: readonly Bill[];
  /** Seconds in which the stage had pods. */
  readonly podSeconds: number;
}

interface Recovery {
  readonly cause: LossCause;
  /** Attempt that failed. Null when the cause is not a failure. */
  readonly attempt: number | null;
}

interface Worked extends Recovery {
  /** Units of work at which the execution started and ended. */
  readonly from: number;
  readonly done: number;
  readonly seconds: number;
}

/** What one failure has cost so far. */
interface Bill {
  readonly attempt: number;
  readonly seconds: number;
  readonly units: number;
}

/** When an activity ran, by the clock of its worker, in ms since the epoch. */
export interface ActivityTimes {
  readonly startedAt: number;
  readonly finishedAt: number;
}

/**
 * A running worker reacts within this time, even under load. A longer delay means that no worker was available. *Ours*.
 */
const WORKER_ANSWERS_SECONDS = 3;

export const newAccounting = (now: number): Accounting => ({
  account: NEW_ACCOUNT,
  chargedUntil: now,
  recovering: null,
  last: null,
  unheard: 0,
  bills: [],
  podSeconds: 0,
});

/** Charges the time since the last charge to one kind. */
export function charge(accounting: Accounting, kind: TimeKind, now: number): Accounting {
  return addTimes(accounting, [[kind, secondsSinceCharge(accounting, now)]], now);
}

/**
 * Charges an activity to `orchestrating`, and delays by a missing worker (before the start, after the end) to
 * `waiting-for-worker`.
 */
export function chargeActivity(accounting: Accounting, times: ActivityTimes, now: number): Accounting {
  const total = secondsSinceCharge(accounting, now);
  const before = (times.startedAt - accounting.chargedUntil) / 1000;
  const after = (now - times.finishedAt) / 1000;
  const waited = Math.min(total, workerDelay(before) + workerDelay(after));
  return addTimes(
    accounting,
    [
      ['waiting-for-worker', waited],
      ['orchestrating', total - waited],
    ],
    now,
  );
}

/** Charges a planned wait of `seconds`. A wait that lasted longer was missing a worker. */
export function chargeWait(accounting: Accounting, kind: TimeKind, seconds: number, now: number): Accounting {
  const total = secondsSinceCharge(accounting, now);
  const waited = workerDelay(total - seconds);
  return addTimes(
    accounting,
    [
      [kind, total - waited],
      ['waiting-for-worker', waited],
    ],
    now,
  );
}

/**
 * Charges an execution from its facts: `queued` until its first pod, `starting` until its first report, then `saving`
 * and `working`. The point where it resumed tells how much work the previous execution lost. Clocks of other machines
 * may be wrong. So each part gets at most the time that is left, and the sum is always right.
 * @param failure - class of the failure that ended it; null if it completed or was asked to stop
 */
export function chargeExecution(
  accounting: Accounting,
  facts: ExecutionFacts,
  now: number,
  failure: FailureClass | null = null,
): Accounting {
  let left = secondsSinceCharge(accounting, now);
  const take = (seconds: number): number => {
    const taken = Math.min(left, Math.max(0, seconds));
    left -= taken;
    return taken;
  };
  const { firstPodAt, beganAt, endedAt } = facts;
  const waiting = take(endedAt === null ? 0 : workerDelay((now - Date.parse(endedAt)) / 1000));
  const queued = take(firstPodAt === null ? left : (Date.parse(firstPodAt) - accounting.chargedUntil) / 1000);
  const starting = take(
    firstPodAt === null || beganAt === null ? left : (Date.parse(beganAt) - Date.parse(firstPodAt)) / 1000,
  );
  // Work of a failed execution after its last report is lost: the unit in progress, an unfinished save, the time in
  // which it hung.
  const lost = take(failure === null ? 0 : secondsAfterLastReport(facts));
  const saving = take(facts.savingSeconds);
  const working = left;
  const charged = addTimes(
    chargeRepeatedWork(accounting, facts.from),
    [
      ['waiting-for-worker', waiting],
      ['queued', queued],
      ['starting', starting],
    ],
    now,
  );
  const begun = beganAt === null ? charged : { ...charged, recovering: null };
  const worked = addTimes(
    begun,
    [
      ['saving', saving],
      ['working', working],
      ['lost', lost],
    ],
    now,
  );
  const account = failure === null ? worked.account : addCause(worked.account, failure, lost);
  const podSeconds = accounting.podSeconds + starting + saving + working + lost;
  const ended = { ...worked, account, podSeconds, unheard: lost };
  if (facts.from === null || facts.done === null) return ended;
  return { ...ended, last: { from: facts.from, done: facts.done, seconds: working, attempt: null, cause: 'Pause' } };
}

function secondsAfterLastReport({ beganAt, toldAt, endedAt }: ExecutionFacts): number {
  const last = toldAt ?? beganAt;
  return last === null || endedAt === null ? 0 : (Date.parse(endedAt) - Date.parse(last)) / 1000;
}

/** From now on time is lost to `cause`, until an execution works again. */
export function beginRecovery(accounting: Accounting, cause: LossCause, attempt: number | null): Accounting {
  const bills =
    attempt === null ? accounting.bills : [...accounting.bills, { attempt, seconds: accounting.unheard, units: 0 }];
  return {
    ...accounting,
    account: addCause(accounting.account, cause, 0, 1),
    recovering: { cause, attempt },
    last: accounting.last === null ? null : { ...accounting.last, cause, attempt },
    bills: bills.slice(-HISTORY_LENGTH),
  };
}

/** The failures of a ledger, each with its cost. */
export function incidentsWithCost(ledger: Ledger, accounting: Accounting): Incident[] {
  return ledger.history.map((incident) => {
    const bill = accounting.bills.find(({ attempt }) => attempt === incident.attempt);
    return bill === undefined ? incident : { ...incident, costSeconds: bill.seconds, lostUnits: bill.units };
  });
}

/** Moves work of the previous execution from `working` to `lost` that the new execution did not find and repeats. */
function chargeRepeatedWork(accounting: Accounting, from: number | null): Accounting {
  const { last, account } = accounting;
  if (last === null || from === null) return accounting;
  const units = Math.max(0, last.done - from);
  const secondsPerUnit = last.done > last.from ? last.seconds / (last.done - last.from) : 0;
  const seconds = Math.min(account.seconds.working, units * secondsPerUnit);
  const moved = {
    ...account.seconds,
    working: account.seconds.working - seconds,
    lost: account.seconds.lost + seconds,
  };
  return {
    ...addToBill(accounting, last.attempt, seconds, units),
    last: null,
    account: addCause({ ...account, seconds: moved }, last.cause, seconds),
  };
}

function addToBill(accounting: Accounting, attempt: number | null, seconds: number, units = 0): Accounting {
  const bills = accounting.bills.map((bill) =>
    bill.attempt === attempt ? { attempt, seconds: bill.seconds + seconds, units: bill.units + units } : bill,
  );
  return { ...accounting, bills };
}

/** Kinds of time that a failure costs. `held` and `paused` depend on a person and are not counted. */
const RECOVERY_COSTS: ReadonlySet<TimeKind> = new Set(['orchestrating', 'queued', 'starting', 'backing-off']);

function addTimes(before: Accounting, times: readonly (readonly [TimeKind, number])[], now: number): Accounting {
  let accounting = before;
  for (const [kind, amount] of times) {
    const { account, recovering } = accounting;
    const seconds = { ...account.seconds, [kind]: account.seconds[kind] + amount };
    accounting = { ...accounting, account: { ...account, seconds } };
    if (recovering !== null && RECOVERY_COSTS.has(kind)) {
      const blamed = { ...accounting, account: addCause(accounting.account, recovering.cause, amount) };
      accounting = addToBill(blamed, recovering.attempt, amount);
    }
    if (kind === 'waiting-for-worker' && amount > 0) {
      accounting = { ...accounting, account: addCause(accounting.account, 'NoWorker', amount, 1) };
    }
  }
  return { ...accounting, chargedUntil: Math.max(accounting.chargedUntil, now) };
}

function addCause(account: Account, cause: LossCause, seconds: number, times = 0): Account {
  if (seconds === 0 && times === 0) return account;
  const before = account.causes[cause] ?? { times: 0, seconds: 0 };
  const after = { times: before.times + times, seconds: before.seconds + seconds };
  return { ...account, causes: { ...account.causes, [cause]: after } };
}

const secondsSinceCharge = ({ chargedUntil }: Accounting, now: number): number =>
  Math.max(0, now - chargedUntil) / 1000;
const workerDelay = (seconds: number): number => (seconds > WORKER_ANSWERS_SECONDS ? seconds : 0);
