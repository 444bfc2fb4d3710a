import { z } from 'zod';
import { FailureClass } from './failures.ts';
import { TIME_KINDS } from './time-kinds.ts';

/** What a stage spends its time on. */
export const TimeKind = z.enum(TIME_KINDS);
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
