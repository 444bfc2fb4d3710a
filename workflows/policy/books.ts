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
 * The books of one stage: every second between its start and now is charged to one kind of time. All functions are pure; times are
 * milliseconds since the epoch by the workflow's clock.
 */
export interface Books {
  readonly account: Account;
  /** Everything up to this moment has been charged. */
  readonly chargedUntil: number;
  /** What the stage is recovering from, until work stands where it stood before. */
  readonly recovering: Recovery | null;
  /** The execution before, as long as it is not known where the next one goes on. */
  readonly last: Worked | null;
  /** Seconds of the last execution, if it failed, of which nothing was heard. */
  readonly unheard: number;
  /** Of the last failures, oldest first. */
  readonly bills: readonly Bill[];
  /** Seconds in which pods of it were there. */
  readonly podSeconds: number;
}

interface Recovery {
  readonly cause: LossCause;
  /** Attempt that failed; null where nothing did. */
  readonly attempt: number | null;
}

interface Worked extends Recovery {
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

/** Times of an activity by the clock of the worker that ran it, in ms since the epoch. */
export interface Ran {
  readonly startedAt: number;
  readonly finishedAt: number;
}

/** A worker that is there takes less than this to begin what is due, even under load. *Ours*. */
const WORKER_ANSWERS_SECONDS = 3;

export const openBooks = (now: number): Books => ({
  account: NEW_ACCOUNT,
  chargedUntil: now,
  recovering: null,
  last: null,
  unheard: 0,
  bills: [],
  podSeconds: 0,
});

/** Charges the time since the last charge to one kind. */
export function charge(books: Books, kind: TimeKind, now: number): Books {
  return put(books, [[kind, since(books, now)]], now);
}

/** Charges an activity: orrery's own work, but for the time in which no worker took it up or told of its end. */
export function chargeCall(books: Books, ran: Ran, now: number): Books {
  const total = since(books, now);
  const before = (ran.startedAt - books.chargedUntil) / 1000;
  const after = (now - ran.finishedAt) / 1000;
  const waited = Math.min(total, late(before) + late(after));
  return put(
    books,
    [
      ['waiting-for-worker', waited],
      ['orchestrating', total - waited],
    ],
    now,
  );
}

/** Charges a wait of `seconds` that was meant; what it took longer is the want of a worker. */
export function chargeWait(books: Books, kind: TimeKind, seconds: number, now: number): Books {
  const total = since(books, now);
  const waited = late(total - seconds);
  return put(
    books,
    [
      [kind, total - waited],
      ['waiting-for-worker', waited],
    ],
    now,
  );
}

/**
 * Charges an execution from its facts: queued until its first pod, starting until its first report, then at work, but for what it stood
 * still to save. Clocks of other machines may be off: each part gets at most what is left, so that the sum is right in any case.
 * Where it went on tells what the execution before it had lost.
 * @param failure - class of the failure that it ended in; null if it ended well, or was asked to stop
 */
export function chargeExecution(
  books: Books,
  facts: ExecutionFacts,
  now: number,
  failure: FailureClass | null = null,
): Books {
  let left = since(books, now);
  const take = (seconds: number): number => {
    const taken = Math.min(left, Math.max(0, seconds));
    left -= taken;
    return taken;
  };
  const { firstPodAt, beganAt, endedAt } = facts;
  const waiting = take(endedAt === null ? 0 : late((now - Date.parse(endedAt)) / 1000));
  const queued = take(firstPodAt === null ? left : (Date.parse(firstPodAt) - books.chargedUntil) / 1000);
  const starting = take(
    firstPodAt === null || beganAt === null ? left : (Date.parse(beganAt) - Date.parse(firstPodAt)) / 1000,
  );
  // What a failed execution did after its last word nobody has: the unit under way, a save cut off, the time in which it hung.
  const lost = take(failure === null ? 0 : secondsUnheard(facts));
  const saving = take(facts.savingSeconds);
  const working = left;
  const charged = put(
    redo(books, facts.from),
    [
      ['waiting-for-worker', waiting],
      ['queued', queued],
      ['starting', starting],
    ],
    now,
  );
  const begun = beganAt === null ? charged : { ...charged, recovering: null };
  const worked = put(
    begun,
    [
      ['saving', saving],
      ['working', working],
      ['lost', lost],
    ],
    now,
  );
  const account = failure === null ? worked.account : blame(worked.account, failure, lost);
  const podSeconds = books.podSeconds + starting + saving + working + lost;
  const ended = { ...worked, account, podSeconds, unheard: lost };
  if (facts.from === null || facts.done === null) return ended;
  return { ...ended, last: { from: facts.from, done: facts.done, seconds: working, attempt: null, cause: 'Pause' } };
}

/** Between the last word of an execution and its end. */
function secondsUnheard({ beganAt, toldAt, endedAt }: ExecutionFacts): number {
  const last = toldAt ?? beganAt;
  return last === null || endedAt === null ? 0 : (Date.parse(endedAt) - Date.parse(last)) / 1000;
}

/** From now on time is lost to `cause`, until an execution has begun to work again. */
export function beginRecovery(books: Books, cause: LossCause, attempt: number | null): Books {
  const bills = attempt === null ? books.bills : [...books.bills, { attempt, seconds: books.unheard, units: 0 }];
  return {
    ...books,
    account: blame(books.account, cause, 0, 1),
    recovering: { cause, attempt },
    last: books.last === null ? null : { ...books.last, cause, attempt },
    bills: bills.slice(-HISTORY_LENGTH),
  };
}

/** The failures of a ledger with what each has cost. */
export function incidentsOf(ledger: Ledger, books: Books): Incident[] {
  return ledger.history.map((incident) => {
    const bill = books.bills.find(({ attempt }) => attempt === incident.attempt);
    return bill === undefined ? incident : { ...incident, costSeconds: bill.seconds, lostUnits: bill.units };
  });
}

/** Moves from `working` to `lost` what the execution before had done and this one did not find. */
function redo(books: Books, from: number | null): Books {
  const { last, account } = books;
  if (last === null || from === null) return books;
  const units = Math.max(0, last.done - from);
  const each = last.done > last.from ? last.seconds / (last.done - last.from) : 0;
  const seconds = Math.min(account.seconds.working, units * each);
  const moved = {
    ...account.seconds,
    working: account.seconds.working - seconds,
    lost: account.seconds.lost + seconds,
  };
  return {
    ...bill(books, last.attempt, seconds, units),
    last: null,
    account: blame({ ...account, seconds: moved }, last.cause, seconds),
  };
}

function bill(books: Books, attempt: number | null, seconds: number, units = 0): Books {
  const bills = books.bills.map((one) =>
    one.attempt === attempt ? { attempt, seconds: one.seconds + seconds, units: one.units + units } : one,
  );
  return { ...books, bills };
}

/** Kinds of time that count as the cost of what the stage recovers from. Held and paused time is a person's. */
const COSTS: ReadonlySet<TimeKind> = new Set(['orchestrating', 'queued', 'starting', 'backing-off']);

function put(before: Books, parts: readonly (readonly [TimeKind, number])[], now: number): Books {
  let books = before;
  for (const [kind, amount] of parts) {
    const { account, recovering } = books;
    const seconds = { ...account.seconds, [kind]: account.seconds[kind] + amount };
    books = { ...books, account: { ...account, seconds } };
    if (recovering !== null && COSTS.has(kind)) {
      books = bill({ ...books, account: blame(books.account, recovering.cause, amount) }, recovering.attempt, amount);
    }
    if (kind === 'waiting-for-worker' && amount > 0) {
      books = { ...books, account: blame(books.account, 'NoWorker', amount, 1) };
    }
  }
  return { ...books, chargedUntil: Math.max(books.chargedUntil, now) };
}

function blame(account: Account, cause: LossCause, seconds: number, times = 0): Account {
  if (seconds === 0 && times === 0) return account;
  const before = account.causes[cause] ?? { times: 0, seconds: 0 };
  const after = { times: before.times + times, seconds: before.seconds + seconds };
  return { ...account, causes: { ...account.causes, [cause]: after } };
}

const since = ({ chargedUntil }: Books, now: number): number => Math.max(0, now - chargedUntil) / 1000;
const late = (seconds: number): number => (seconds > WORKER_ANSWERS_SECONDS ? seconds : 0);
