import type { Complaint } from '../spec/index.ts';
import type { Asked } from './asked.ts';
import type { MemoryNeed } from './memory.ts';
import { type RlPlan, rlPlan } from './rl.ts';
import { needWords } from './serve.ts';
import { fewestNodes, largestMicroBatch, type TrainingAsk, trainingMemory } from './training.ts';

/** A trainer's gang. */
export interface TrainerPlan {
  /** GPUs that the state is sharded over. */
  readonly gpus: number;
  readonly microBatch: number;
  /** Null where not even one sequence fits. */
  readonly largestMicroBatch: number | null;
  /** Fewest nodes that would hold it; null: none, for one sequence is too long. */
  readonly fewestNodes: number | null;
  readonly memory: MemoryNeed;
  /** Of RL: trainer and rollout servers. */
  readonly rl: RlPlan | null;
}

/** Memory and micro-batch of a trainer on the GPUs that its stage asks for. */
export function trainPlan(asked: Asked): { plan: TrainerPlan; complaints: Complaint[] } {
  const { slot, spec, architecture, work, gpus } = asked;
  const { gpu, trainingPrecision: precision, offload, chunkedLoss, gpusPerNode, rlPlacement } = spec.plan;
  const microBatch =
    slot.kind === 'pretrain' ? spec.stages.pretrain.batchSize : spec.stages[trained(slot.kind)].microBatchSize;
  const reference = slot.kind === 'rl' && spec.stages.rl.klCoefficient > 0;
  const common = {
    ...{ architecture, gpu, precision, offload, chunkedLoss, reference },
    sequenceTokens: Math.min(architecture.contextTokens, work.longest),
  } satisfies Omit<TrainingAsk, 'gpus' | 'microBatch'>;
  const rl =
    slot.kind === 'rl'
      ? rlPlan({
          trainer: { ...common, microBatch },
          ...{ gpus, gpusPerNode, placement: rlPlacement },
          enough: { sequences: spec.plan.sequencesPerServer, tokens: work.mean },
        })
      : null;
  const trainerGpus = rl?.trainerGpus ?? gpus;
  const memory = trainingMemory({ ...common, gpus: trainerGpus, microBatch });
  const plan: TrainerPlan = {
    ...{ gpus: trainerGpus, microBatch, memory, rl },
    largestMicroBatch: largestMicroBatch({ ...common, gpus: trainerGpus }, 128),
    fewestNodes: fewestNodes(common, gpusPerNode),
  };
  const field = `stages.${slot.kind}`;
  const complaints: Complaint[] = [];
  if (!memory.fits) complaints.push(memoryComplaint(field, plan, common.sequenceTokens));
  if (rl !== null && rl.server === null) {
    complaints.push({
      field: `${field}.run.resources`,
      message: `no rollout server of ${spec.policy.name} fits one node`,
    });
  }
  if (rl?.generatingMemory?.fits === false) {
    complaints.push({
      field: `${field}.run.ranks`,
      message: `trainer and rollout server on the same GPUs need ${needWords(rl.generatingMemory)}; more ranks, plan.offload or plan.rlPlacement: split would help`,
    });
  }
  return { plan, complaints };
}

const trained = (kind: string): 'sft' | 'rl' => (kind === 'rl' ? 'rl' : 'sft');

function memoryComplaint(field: string, plan: TrainerPlan, tokens: number): Complaint {
  const { memory, microBatch, gpus } = plan;
  const need = `${microBatch} sequences of ${tokens} tokens need ${needWords(memory)} on each of ${gpus} GPUs`;
  if (plan.largestMicroBatch !== null) {
    return {
      field: `${field}.microBatchSize`,
      message: `expected at most ${plan.largestMicroBatch}, but got ${microBatch}: ${need}`,
    };
  }
  const help =
    plan.fewestNodes === null
      ? 'one sequence is too long for any number of nodes: lower maxTokens, or plan with chunkedLoss'
      : `one sequence a GPU fits on ${plan.fewestNodes} nodes or more`;
  return { field: `${field}.run.ranks`, message: `${need}; ${help}` };
}
