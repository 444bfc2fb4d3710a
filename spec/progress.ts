import { z } from 'zod';

/** Maximum amount, so that sums over all pods stay finite and exact. *Ours*. */
const MAX_AMOUNT = 1e12;
const amount = () => z.number().min(0).max(MAX_AMOUNT);
/**
 * Maximum size of a progress file. A worker reads the file of every pod once a second and sends its content in
 * heartbeats. *Ours*.
 */
export const PROGRESS_BYTES = 64 * 1024;

/** `progress/NNNNN.json` of a stage: the progress of one pod. Every report replaces the whole file. */
export const Progress = z.object({
  attempt: z.int().min(0),
  unit: z.string().max(100).describe('Unit of progress: problem, solution, optimizer step.'),
  done: amount(),
  total: amount().nullable().describe('Units in total; null while unknown.'),
  rate: amount().nullable().describe('Units per second in this execution; null before the first unit.'),
  metrics: z
    .record(z.string().max(100), z.number())
    .refine((metrics) => Object.keys(metrics).length <= 100, 'expected at most 100 metrics')
    .default({}),
  from: amount()
    .default(0)
    .describe('Units that were already done when this execution began, according to its checkpoint or journal.'),
  beganAt: z.iso
    .datetime()
    .nullable()
    .default(null)
    .describe('Time of the first report of this execution, which means that loading was over.'),
  savingSeconds: amount().default(0).describe('Time that this execution has spent saving checkpoints.'),
  updatedAt: z.iso.datetime(),
});
export type Progress = z.infer<typeof Progress>;
