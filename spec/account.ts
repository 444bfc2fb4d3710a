import { z } from 'zod';
import { FailureClass } from './failures.ts';

/** What a stage spends its time on. Every second from its first start to its end is charged to exactly one kind. */
export const TimeKind = z.enum([
  'orchestrating', // orrery's own work: keys, claims, sealing, deciding
  'queued', // submitted, and waiting for a machine
  'starting', // processes start, load weights, read their journal or checkpoint
  'working', // work that was kept
  'saving', // work stops while a checkpoint is saved, including the one before a pause
  'lost', // work that had to be done again
  'backing-off', // waits before the next attempt
  'held', // has used up its attempts and waits for a person
  'blocked', // waits for another campaign that runs the same stage
  'paused', // paused by a person
  'waiting-for-worker', // a job had ended or a timer was due, and no worker was running
]);
export type TimeKind = z.infer<typeof TimeKind>;

/** What time was lost to: a failure class, a pause, or a missing worker. */
export const LossCause = z.enum([...FailureClass.options, 'Pause', 'NoWorker']);
export type LossCause = z.infer<typeof LossCause>;

const seconds = z.number().min(0);

/** Where the time of a stage went, over all of its executions. */
export const Account = z.object({
  seconds: z.record(TimeKind, seconds),
  causes: z
    .partialRecord(LossCause, z.object({ times: z.int().min(0), seconds }))
    .describe('Cost of each cause: the time from the event until work was back at the point where it had been.'),
});
export type Account = z.infer<typeof Account>;

export const NEW_ACCOUNT: Account = {
  seconds: Object.fromEntries(TimeKind.options.map((kind) => [kind, 0])) as Account['seconds'],
  causes: {},
};

/** Work of one execution that is safe in the store: complete checkpoints, journal lines and finished parts. */
export const KeptWork = z.object({
  part: z.int().min(0).nullable().describe('The shard that failed; null for the whole stage.'),
  from: z.number().min(0).describe('Units already done when the execution began.'),
  units: z.number().min(0).describe('Units safe in the store when it ended.'),
});
export type KeptWork = z.infer<typeof KeptWork>;

/**
 * Facts about one execution, recorded while it was watched. Times come from the clocks of the machines that it ran on.
 */
export const ExecutionFacts = z.object({
  firstPodAt: z.iso.datetime().nullable().describe('When its first pod started.'),
  beganAt: z.iso.datetime().nullable().describe('When it first reported progress, which means that loading was over.'),
  toldAt: z.iso.datetime().nullable().describe('When it last reported progress or a saved checkpoint.'),
  endedAt: z.iso.datetime().nullable().describe('When its last pod ended.'),
  from: z.number().min(0).nullable().describe('Units already done when it began.'),
  done: z.number().min(0).nullable().describe('Units done when it ended.'),
  unit: z.string().nullable(),
  savingSeconds: seconds,
  kept: KeptWork.nullish().describe(
    'Work that the next execution will find done; null when unknown. Missing in histories of older versions.',
  ),
});
export type ExecutionFacts = z.infer<typeof ExecutionFacts>;

const NOT_COUNTED: ReadonlySet<TimeKind> = new Set(['paused', 'blocked']);

/**
 * Effective training time ratio (ETTR): the share of its time in which a stage did work that was kept. Pauses by a
 * person do not count, nor does waiting for another campaign that runs the same stage. Null before any time was
 * charged. Source: published training runs of this size report ETTR. The choice of what does not count is *ours*.
 */
export function effectiveRatio({ seconds }: Account): number | null {
  const counted = TimeKind.options.filter((kind) => !NOT_COUNTED.has(kind));
  const total = counted.reduce((sum, kind) => sum + seconds[kind], 0);
  return total === 0 ? null : seconds.working / total;
}

/** Adds up several accounts: those of a campaign's stages, or those of a stage's earlier runs. */
export function sumAccounts(accounts: readonly Account[]): Account {
  const sum = copyOf(NEW_ACCOUNT);
  for (const account of accounts) {
    for (const kind of TimeKind.options) sum.seconds[kind] += account.seconds[kind];
    for (const [cause, cost] of Object.entries(account.causes) as [LossCause, { times: number; seconds: number }][]) {
      const before = sum.causes[cause] ?? { times: 0, seconds: 0 };
      sum.causes[cause] = { times: before.times + cost.times, seconds: before.seconds + cost.seconds };
    }
  }
  return sum;
}

const copyOf = (account: Account): Account => ({
  seconds: { ...account.seconds },
  causes: { ...account.causes },
});
