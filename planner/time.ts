import { GPUS, IS_TRAINER } from '../spec/index.ts';
import type { RlPlan } from './rl.ts';
import type { StageFacts } from './stage-facts.ts';
import { generationFlopsPerToken, trainingFlopsPerToken } from './training.ts';

/** Time of a stage that only reads and writes files on CPUs: preparation, the report. An order of magnitude, *ours*. */
const FILES_SECONDS = 300;

export interface TimeInput extends StageFacts {
  /** Number of times that pods start one after the other, if not all run at the same time. */
  readonly rounds: number;
  readonly rl: RlPlan | null;
}

/**
 * Wall time of a stage in seconds: the starts of its pods, plus tokens divided by throughput. The throughput is the
 * peak FLOPs of the GPUs times the assumed utilisation. Null for a model on CPUs, whose throughput is unknown.
 */
export function secondsOf(input: TimeInput): number | null {
  const { slot, spec, work, gpus, architecture, rl, rounds } = input;
  const { startSeconds, trainingMfu, generationMfu, rolloutEfficiency, secondsPerRlStep, gpu } = spec.plan;
  if (work.generated === 0 && work.trained === 0) return IS_TRAINER.has(slot.kind) ? null : FILES_SECONDS;
  if (gpus === 0) return null;
  const peak = GPUS[gpu].tflops * 1e12;
  const generating = (onGpus: number, share: number) =>
    (work.generated * generationFlopsPerToken(architecture)) / (onGpus * peak * share);
  // The reference policy of a KL term needs another forward pass.
  const withReference = slot.kind === 'rl' && spec.stages.rl.klCoefficient > 0;
  const flops = trainingFlopsPerToken(architecture) + (withReference ? generationFlopsPerToken(architecture) : 0);
  const training = (onGpus: number) => (work.trained * flops) / (onGpus * peak * trainingMfu);
  const starts = startSeconds * rounds;
  if (rl === null) return starts + (work.trained > 0 ? training(gpus) : generating(gpus, generationMfu));
  // Generating and training alternate, because on-policy rollouts need the weights of the previous step.
  if (secondsPerRlStep !== undefined) return starts + spec.stages.rl.optimizerSteps * secondsPerRlStep;
  return starts + generating(rl.rolloutGpus, generationMfu * rolloutEfficiency) + training(rl.trainerGpus);
}
