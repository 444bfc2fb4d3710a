import type { Architecture } from './architecture.ts';
import { type InferencePlan, inferencePlan, smallestServer } from './inference.ts';
import { type MemoryNeed, memoryNeed } from './memory.ts';
import { type TrainingInput, trainingMemory } from './training.ts';

export interface RlInput {
  /**
   * The trainer without its number of GPUs, which follows from the placement. `sequenceTokens` includes prompt and
   * completion.
   */
  readonly trainer: Omit<TrainingInput, 'gpus'>;
  readonly gpus: number;
  readonly gpusPerNode: number;
  readonly placement: 'split' | 'colocated';
  /** Minimum capacity of a rollout server: a number of sequences with their mean length in tokens. */
  readonly enough: { readonly sequences: number; readonly tokens: number };
}

export interface RlPlan {
  readonly trainerGpus: number;
  readonly rolloutGpus: number;
  readonly trainerMemory: MemoryNeed;
  /** Null if the policy fits on no server of one node. */
  readonly server: InferencePlan | null;
  /** Memory of a colocated GPU while it generates; null for split placement. */
  readonly generatingMemory: MemoryNeed | null;
}

/**
 * Memory of GRPO. *split*: half of the nodes train (and hold the reference policy of a KL term), and half generate, as
 * in the paper. *colocated*: every GPU holds a shard of the trainer and a part of a rollout server. While it generates,
 * the weights and the cache of the server are in memory beside the state of the trainer, which may be offloaded. While
 * it trains, the server is asleep. Source: HybridFlow (arXiv 2409.19256), section 5.
 */
export function rlPlan(input: RlInput): RlPlan {
  const { trainer, gpus, placement } = input;
  const split = placement === 'split' && gpus > 1;
  const rolloutGpus = split ? halfOfNodes(gpus, input.gpusPerNode) : gpus;
  const trainerGpus = split ? gpus - rolloutGpus : gpus;
  const trainerMemory = trainingMemory({ ...trainer, gpus: trainerGpus });
  const inference = inferenceOf(trainer);
  const server = smallestServer(inference, Math.min(input.gpusPerNode, rolloutGpus), input.enough);
  if (split) return { trainerGpus, rolloutGpus, trainerMemory, server, generatingMemory: null };

  const sizes = [1, 2, 4, 8].filter((size) => size <= Math.min(input.gpusPerNode, gpus));
  const generating = sizes.map((size) => ({
    size,
    memory: colocatedMemory(trainerMemory, inferencePlan(inference, size)),
  }));
  const chosen = generating.find(({ memory }) => memory.fits) ?? generating.at(-1);
  return {
    trainerGpus,
    rolloutGpus,
    trainerMemory,
    server: chosen === undefined ? server : inferencePlan(inference, chosen.size),
    generatingMemory: chosen?.memory ?? null,
  };
}

const inferenceOf = ({ architecture, gpu, sequenceTokens }: { architecture: Architecture } & RlInput['trainer']) =>
  ({ architecture, gpu, dtype: 'bf16', contextTokens: sequenceTokens }) as const;

/** Half of the GPUs. With several nodes these are whole nodes, so that no server spans two nodes. */
function halfOfNodes(gpus: number, gpusPerNode: number): number {
  const nodes = gpus / gpusPerNode;
  return nodes >= 2 ? Math.floor(nodes / 2) * gpusPerNode : Math.floor(gpus / 2);
}

/** The memory of the server together with the resident state of the trainer. */
function colocatedMemory(trainer: MemoryNeed, { memory }: InferencePlan): MemoryNeed {
  const resident = new Set(['weights', 'gradients', 'optimizer', 'reference policy']);
  const state = trainer.items.filter(({ what }) => resident.has(what));
  return memoryNeed(
    [...state.map(({ what, gib }) => ({ what: `trainer: ${what}`, gib })), ...memory.items],
    trainer.usableGiB,
  );
}
