import type { Complaint } from '../spec/index.ts';
import type { MemoryNeed } from './memory.ts';
import { type RlPlan, rlPlan } from './rl.ts';
import { describeNeed } from './serve.ts';
import type { StageFacts } from './stage-facts.ts';
import { fewestNodes, largestMicroBatch, type TrainingInput, trainingMemory } from './training.ts';

/** Plan of a training gang. */
export interface TrainerPlan {
  /** Number of GPUs over which the state is sharded. */
  readonly gpus: number;
  readonly microBatch: number;
  /** Null if not even one sequence fits. */
  readonly largestMicroBatch: number | null;
  /**
   * Minimum number of nodes on which it fits; null if it fits on no number of nodes, because one sequence is too long.
   */
  readonly fewestNodes: number | null;
  readonly memory: MemoryNeed;
  /** Only for RL: trainer and rollout servers. */
  readonly rl: RlPlan | null;
}

/** Memory and micro-batch of a trainer on the GPUs of its stage. */
export function trainPlan(facts: StageFacts): { plan: TrainerPlan; complaints: Complaint[] } {
  const { slot, spec, architecture, work, gpus } = facts;
  const { gpu, trainingPrecision: precision, offload, chunkedLoss, gpusPerNode, rlPlacement } = spec.plan;
  const microBatch =
    slot.kind === 'pretrain' ? spec.stages.pretrain.batchSize : spec.stages[trained(slot.kind)].microBatchSize;
  const reference = slot.kind === 'rl' && spec.stages.rl.klCoefficient > 0;
  const common = {
    architecture,
    gpu,
    precision,
    offload,
    chunkedLoss,
    reference,
    sequenceTokens: Math.min(architecture.contextTokens, work.longest),
  } satisfies Omit<TrainingInput, 'gpus' | 'microBatch'>;
  const rl =
    slot.kind === 'rl'
      ? rlPlan({
          trainer: { ...common, microBatch },
          gpus,
          gpusPerNode,
          placement: rlPlacement,
          enough: { sequences: spec.plan.sequencesPerServer, tokens: work.mean },
        })
      : null;
  const trainerGpus = rl?.trainerGpus ?? gpus;
  const memory = trainingMemory({ ...common, gpus: trainerGpus, microBatch });
  const plan: TrainerPlan = {
    gpus: trainerGpus,
    microBatch,
    memory,
    rl,
    largestMicroBatch: largestMicroBatch({ ...common, gpus: trainerGpus }, 128),
    fewestNodes: fewestNodes(common, gpusPerNode),
  };
  const field = `stages.${slot.kind}`;
  const complaints: Complaint[] = [];
  if (!memory.fits) complaints.push(memoryComplaint(field, plan, common.sequenceTokens));
  if (rl !== null && rl.server === null) {
    complaints.push({
      field: `${field}.run.resources`,
      message: `a rollout server of ${spec.policy.name} does not fit on one node`,
    });
  }
  if (rl?.generatingMemory?.fits === false) {
    complaints.push({
      field: `${field}.run.ranks`,
      message: `trainer and rollout server on the same GPUs need ${describeNeed(rl.generatingMemory)}; set more ranks, plan.offload, or plan.rlPlacement: split`,
    });
  }
  return { plan, complaints };
}

const trained = (kind: string): 'sft' | 'rl' => (kind === 'rl' ? 'rl' : 'sft');

function memoryComplaint(field: string, plan: TrainerPlan, tokens: number): Complaint {
  const { memory, microBatch, gpus } = plan;
  const need = `${microBatch} sequences of ${tokens} tokens need ${describeNeed(memory)} on each of ${gpus} GPUs`;
  if (plan.largestMicroBatch !== null) {
    return {
      field: `${field}.microBatchSize`,
      message: `expected at most ${plan.largestMicroBatch}, but got ${microBatch}: ${need}`,
    };
  }
  const help =
    plan.fewestNodes === null
      ? 'one sequence is too long for any number of nodes: lower maxTokens, or set plan.chunkedLoss'
      : `one sequence per GPU fits on ${plan.fewestNodes} nodes or more`;
  return { field: `${field}.run.ranks`, message: `${need}; ${help}` };
}
