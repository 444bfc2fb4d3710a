import { GPUS, IS_TRAINER } from '../spec/index.ts';
import type { Asked } from './asked.ts';
import type { RlPlan } from './rl.ts';
import { generationFlopsPerToken, trainingFlopsPerToken } from './training.ts';

/** A stage on CPUs that reads and writes files: preparation, the report. *Ours*, an order of magnitude. */
const FILES_SECONDS = 300;

export interface TimeAsk extends Asked {
  /** How often pods start after each other, where not all run at the same time. */
  readonly rounds: number;
  readonly rl: RlPlan | null;
}

/**
 * Wall time of a stage in seconds: starts, and tokens by throughput. Throughput is FLOPs: peak of the GPU x the assumed share of it.
 * Null where there are no GPUs for a model: then only a run tells.
 */
export function secondsOf(ask: TimeAsk): number | null {
  const { slot, spec, work, gpus, architecture, rl, rounds } = ask;
  const { startSeconds, trainingMfu, generationMfu, rolloutEfficiency, secondsPerRlStep, gpu } = spec.plan;
  if (work.generated === 0 && work.trained === 0) return IS_TRAINER.has(slot.kind) ? null : FILES_SECONDS;
  if (gpus === 0) return null;
  const peak = GPUS[gpu].tflops * 1e12;
  const generating = (onGpus: number, share: number) =>
    (work.generated * generationFlopsPerToken(architecture)) / (onGpus * peak * share);
  // The reference of a KL term reads along: another forward pass.
  const withReference = slot.kind === 'rl' && spec.stages.rl.klCoefficient > 0;
  const flops = trainingFlopsPerToken(architecture) + (withReference ? generationFlopsPerToken(architecture) : 0);
  const training = (onGpus: number) => (work.trained * flops) / (onGpus * peak * trainingMfu);
  const starts = startSeconds * rounds;
  if (rl === null) return starts + (work.trained > 0 ? training(gpus) : generating(gpus, generationMfu));
  // One after the other: on-policy rollouts need the weights of the step before.
  if (secondsPerRlStep !== undefined) return starts + spec.stages.rl.optimizerSteps * secondsPerRlStep;
  return starts + generating(rl.rolloutGpus, generationMfu * rolloutEfficiency) + training(rl.trainerGpus);
}
