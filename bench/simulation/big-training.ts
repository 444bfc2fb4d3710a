import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { inProject } from '../../config/paths.ts';
import { CampaignSpec } from '../../spec/index.ts';
import type { Training } from './training.ts';

export const BIG_FILE = 'examples/llama-3.1-70b.yaml';

/** The paper's campaign at its sizes. The domain need not exist, because nothing runs. */
export const bigCampaign = (): CampaignSpec => CampaignSpec.parse(parse(readFileSync(inProject(BIG_FILE), 'utf8')));

const { rl } = bigCampaign().stages;

/**
 * Parameters x (bf16 weights, fp32 master copy, two fp32 moments of AdamW): what one checkpoint of a 70B training
 * holds, in bytes.
 */
const CHECKPOINT_BYTES = 70.6e9 * (2 + 4 + 4 + 4);
/** Each with eight GPUs. */
export const NODES = rl.run.ranks;
const RANKS_PER_NODE = rl.run.resources.gpus;
/**
 * What one node writes to the shared store, and what one process hashes (checkpoint-cost measures it), in bytes a
 * second. *Ours*.
 */
const [WRITE_RATE, HASH_RATE] = [2e9, 0.5e9];

const saveSeconds = Math.ceil(
  CHECKPOINT_BYTES / (NODES * WRITE_RATE) + CHECKPOINT_BYTES / (NODES * RANKS_PER_NODE * HASH_RATE),
);

/**
 * RL of a 70B policy on 32 nodes for ten days, the paper's size. Source of each number, or *ours*:
 *
 * - 1,000 steps in ten days: the example's steps, the paper's days
 * - a checkpoint stands still for its bytes over what the nodes write, and its checksums: *ours*, about 25 s
 * - queued for 17 s: time to admission of large jobs in Kueue's CI
 * - starting for 5 minutes: images, weights, rendezvous: *ours*
 * - a lost node is marked after 50 + 300 + 30 s: stock Kubernetes, by Kueue's KEP-6757
 * - a crash tells itself at once by its exit code; a preempted gang finishes its step and saves, if the grace is long
 *   enough
 *
 * The checkpoint interval, the stall limit and the grace are the example's, and come from its file.
 */
export const BIG_TRAINING: Training = {
  steps: rl.optimizerSteps,
  stepSeconds: (10 * 86_400) / rl.optimizerSteps,
  stepsPerCheckpoint: rl.checkpoints.everySteps,
  saveSeconds,
  queueSeconds: 17,
  startSeconds: 300,
  graceSeconds: rl.run.graceSeconds,
  detectSeconds: { NodeFailure: 380, Stalled: rl.run.stallTimeoutSeconds, Crashed: 0 },
};
