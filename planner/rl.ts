import type { Architecture } from './architecture.ts';
import { type InferencePlan, inferencePlan, smallestServer } from './inference.ts';
import { type MemoryNeed, memoryNeed } from './memory.ts';
import { type TrainingAsk, trainingMemory } from './training.ts';

export interface RlAsk {
  /** Trainer, its GPUs left out: they follow from the placement. `sequenceTokens` is prompt and completion together. */
  readonly trainer: Omit<TrainingAsk, 'gpus'>;
  readonly gpus: number;
  readonly gpusPerNode: number;
  readonly placement: 'split' | 'colocated';
  /** Sequences of mean length that a rollout server has room for at least. */
  readonly enough: { readonly sequences: number; readonly tokens: number };
}

export interface RlPlan {
  readonly trainerGpus: number;
  readonly rolloutGpus: number;
  readonly trainerMemory: MemoryNeed;
  /** Null where no server of one node holds the policy. */
  readonly server: InferencePlan | null;
  /** Of GPUs that do both: what a GPU holds while it generates. Null when they are apart. */
  readonly generatingMemory: MemoryNeed | null;
}

/**
 * Memory of GRPO. *split*: half of the nodes train (and hold the reference of a KL term), half generate, as in the paper. *colocated*:
 * every GPU holds the trainer's shard and a share of a rollout server, by turns: the trainer's state stays (or is offloaded) while the
 * server's weights and cache are in, and the server sleeps while the trainer works. Source: HybridFlow (arXiv 2409.19256), section 5.
 */
export function rlPlan(ask: RlAsk): RlPlan {
  const { trainer, gpus, placement } = ask;
  const split = placement === 'split' && gpus > 1;
  const rolloutGpus = split ? halfOfNodes(gpus, ask.gpusPerNode) : gpus;
  const trainerGpus = split ? gpus - rolloutGpus : gpus;
  const trainerMemory = trainingMemory({ ...trainer, gpus: trainerGpus });
  const inference = inferenceOf(trainer);
  const server = smallestServer(inference, Math.min(ask.gpusPerNode, rolloutGpus), ask.enough);
  if (split) return { trainerGpus, rolloutGpus, trainerMemory, server, generatingMemory: null };

  const sizes = [1, 2, 4, 8].filter((size) => size <= Math.min(ask.gpusPerNode, gpus));
  const generating = sizes.map((size) => ({ size, memory: both(trainerMemory, inferencePlan(inference, size)) }));
  const chosen = generating.find(({ memory }) => memory.fits) ?? generating.at(-1);
  return {
    ...{ trainerGpus, rolloutGpus, trainerMemory },
    server: chosen === undefined ? server : inferencePlan(inference, chosen.size),
    generatingMemory: chosen?.memory ?? null,
  };
}

const inferenceOf = ({ architecture, gpu, sequenceTokens }: { architecture: Architecture } & RlAsk['trainer']) =>
  ({ architecture, gpu, dtype: 'bf16', contextTokens: sequenceTokens }) as const;

/** Whole nodes where there are several, so that no server is spread over two. */
function halfOfNodes(gpus: number, gpusPerNode: number): number {
  const nodes = gpus / gpusPerNode;
  return nodes >= 2 ? Math.floor(nodes / 2) * gpusPerNode : Math.floor(gpus / 2);
}

/** What is resident of the trainer, and the server. */
function both(trainer: MemoryNeed, { memory }: InferencePlan): MemoryNeed {
  const resident = new Set(['weights', 'gradients', 'optimizer', 'reference policy']);
  const state = trainer.items.filter(({ what }) => resident.has(what));
  return memoryNeed(
    [...state.map(({ what, gib }) => ({ what: `trainer: ${what}`, gib })), ...memory.items],
    trainer.usableGiB,
  );
}
