import { z } from 'zod';
import { FailureClass } from './failures.ts';

/** What the time of a stage goes into. Every second from its first start to its end is charged to exactly one. */
export const TimeKind = z.enum([
  'orchestrating', // orrery's own work: keys, claims, sealing, deciding
  'queued', // asked for, and no machine yet
  'starting', // processes start, load weights, read their journal or checkpoint
  'working', // what is kept of the work
  'saving', // stands still for a checkpoint, the one before a pause included
  'lost', // work that had to be done again
  'backing-off', // waits before the next attempt
  'held', // waits for a person, after its attempts were spent
  'blocked', // waits for another campaign that runs the same stage
  'paused', // as asked for
  'waiting-for-worker', // something had ended or was due, and no worker was there to see to it
]);
export type TimeKind = z.infer<typeof TimeKind>;

/** What time was lost to: a failure class, a pause, or the want of a worker. */
export const LossCause = z.enum([...FailureClass.options, 'Pause', 'NoWorker']);
export type LossCause = z.infer<typeof LossCause>;

const seconds = z.number().min(0);

/** Where the time of a stage went, over all of its executions. */
export const Account = z.object({
  seconds: z.record(TimeKind, seconds),
  causes: z
    .partialRecord(LossCause, z.object({ times: z.int().min(0), seconds }))
    .describe('What each cause has cost: from the event until work stood where it had stood before.'),
});
export type Account = z.infer<typeof Account>;

export const NEW_ACCOUNT: Account = {
  seconds: Object.fromEntries(TimeKind.options.map((kind) => [kind, 0])) as Account['seconds'],
  causes: {},
};

/** Work of one execution that is safe in the store: in checkpoints with their marker in force, journal lines, finished parts. */
export const KeptWork = z.object({
  part: z.int().min(0).nullable().describe('Whose work: the shard that failed; null: the whole stage.'),
  from: z.number().min(0).describe('Units found done when the execution began.'),
  units: z.number().min(0).describe('Units safe when it ended.'),
});
export type KeptWork = z.infer<typeof KeptWork>;

/** Facts of one execution that only who watched it knows; the clocks are those of the machines that it ran on. */
export const ExecutionFacts = z.object({
  firstPodAt: z.iso.datetime().nullable().describe('When its first pod started.'),
  beganAt: z.iso.datetime().nullable().describe('When it first reported progress: loading was over.'),
  toldAt: z.iso.datetime().nullable().describe('When it last told how far it was, or that it had saved.'),
  endedAt: z.iso.datetime().nullable().describe('When its last pod ended.'),
  from: z.number().min(0).nullable().describe('Units found done when it began.'),
  done: z.number().min(0).nullable().describe('Units done when it ended.'),
  unit: z.string().nullable(),
  savingSeconds: seconds,
  kept: KeptWork.nullish().describe(
    'What the next execution will find done; null where nothing is known of it. Not in histories of older versions.',
  ),
});
export type ExecutionFacts = z.infer<typeof ExecutionFacts>;

const NOT_COUNTED: ReadonlySet<TimeKind> = new Set(['paused', 'blocked']);

/**
 * Effective training time ratio: the share of its time in which a stage did work that was kept. Time that it was paused by a person, or
 * blocked by another campaign that did its work, is left out. Null before anything was charged.
 * Source: the ratio that published runs of this size report (ETTR); what is left out is *ours*.
 */
export function effectiveRatio({ seconds }: Account): number | null {
  const counted = TimeKind.options.filter((kind) => !NOT_COUNTED.has(kind));
  const total = counted.reduce((sum, kind) => sum + seconds[kind], 0);
  return total === 0 ? null : seconds.working / total;
}

/** Several accounts as one: of the stages of a campaign, or of what went before. */
export function sumAccounts(accounts: readonly Account[]): Account {
  const sum = structuredCloneOf(NEW_ACCOUNT);
  for (const account of accounts) {
    for (const kind of TimeKind.options) sum.seconds[kind] += account.seconds[kind];
    for (const [cause, cost] of Object.entries(account.causes) as [LossCause, { times: number; seconds: number }][]) {
      const before = sum.causes[cause] ?? { times: 0, seconds: 0 };
      sum.causes[cause] = { times: before.times + cost.times, seconds: before.seconds + cost.seconds };
    }
  }
  return sum;
}

const structuredCloneOf = (account: Account): Account => ({
  seconds: { ...account.seconds },
  causes: { ...account.causes },
});
