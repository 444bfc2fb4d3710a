import type { Assumptions, GpuName } from '../spec/index.ts';
import { type Architecture, embeddingParameters, layerParameters, parametersOf } from './architecture.ts';
import { GIB, type MemoryItem, type MemoryNeed, memoryNeed, reportedGiB } from './memory.ts';

/** Share of a GPU's memory that may be planned with: the allocator loses some to fragments. *Ours*. */
const UTILISATION = 0.95;
/** CUDA context, NCCL's buffers, workspaces. *Ours*. */
const CONTEXT_GIB = 2;
/** Chunks of the logits where the loss is made in chunks: torchtune's `CEWithChunkedOutputLoss` has eight. */
const LOSS_CHUNKS = 8;

export interface TrainingAsk {
  readonly architecture: Architecture;
  readonly gpu: GpuName;
  readonly precision: Assumptions['trainingPrecision'];
  readonly offload: Assumptions['offload'];
  readonly chunkedLoss: boolean;
  /** GPUs that weights, gradients and optimizer are sharded over (FSDP, full shard). */
  readonly gpus: number;
  /** Sequences of one pass of a GPU. */
  readonly microBatch: number;
  /** Longest sequence in tokens. */
  readonly sequenceTokens: number;
  /** A frozen copy of the policy, sharded in bf16: the reference of a KL term. */
  readonly reference: boolean;
}

/**
 * Bytes a parameter of the sharded state, in parts. Source: ZeRO (arXiv 1910.02054), section 3.1: 16 bytes a parameter of mixed precision
 * with Adam. `fp32-master` as PyTorch's FSDP has it: weights and gradients 4 each, moments 8; the bf16 copy is made layer by layer.
 * `bf16` as torchtune's full recipes have it: everything 2.
 */
export const STATE_BYTES = {
  'fp32-master': { weights: 4, gradients: 4, optimizer: 8 },
  bf16: { weights: 2, gradients: 2, optimizer: 4 },
} as const satisfies Record<Assumptions['trainingPrecision'], object>;

/** Bytes of state of all GPUs together. */
export function stateBytes(architecture: Architecture, precision: Assumptions['trainingPrecision']): number {
  const { weights, gradients, optimizer } = STATE_BYTES[precision];
  return parametersOf(architecture) * (weights + gradients + optimizer);
}

/**
 * Bytes of activations a token within one decoder layer, when it is computed again in the backward pass: norms and residuals (4 h),
 * queries and attention's output, keys and values, the three of the gated feed-forward; 2 bytes each. Source: after Korthikanti et al.
 * (arXiv 2205.05198), equation 2, `34 h` for an ungated layer; flash attention keeps no score matrix (arXiv 2205.14135).
 */
export function layerActivationBytes({ hiddenSize, heads, kvHeads, headDim, feedForward }: Architecture): number {
  return 2 * (4 * hiddenSize + 2 * heads * headDim + 2 * kvHeads * headDim + 3 * feedForward);
}

/** Bytes of the inputs of every layer a token: all that full checkpointing keeps. Source: `2 h` a layer, arXiv 2205.05198, section 5. */
export const checkpointedBytes = ({ hiddenSize, layers }: Architecture): number => 2 * hiddenSize * layers;

/** Bytes of logits a token and entry of the vocabulary: bf16, their fp32 copy, its gradient. Source: transformers' causal loss casts to fp32. */
const LOGIT_BYTES = 2 + 4 + 4;

/** Memory of one GPU in full fine-tuning by FSDP with full activation checkpointing. */
export function trainingMemory(ask: TrainingAsk): MemoryNeed {
  const { architecture, gpus, precision, offload, reference } = ask;
  const state = STATE_BYTES[precision];
  const share = parametersOf(architecture) / gpus;
  const tokens = ask.microBatch * ask.sequenceTokens;
  const unit = Math.max(layerParameters(architecture), embeddingParameters(architecture));
  const layer = layerParameters(architecture);
  const on = (bytes: number, offloaded: boolean) => (offloaded ? 0 : bytes * share);
  const items: MemoryItem[] = [
    { what: 'weights', gib: on(state.weights, offload === 'all') },
    { what: 'gradients', gib: on(state.gradients, offload === 'all') },
    { what: 'optimizer', gib: on(state.optimizer, offload !== 'none') },
    ...(reference ? [{ what: 'reference policy', gib: 2 * share }] : []),
    // FSDP gathers one unit while it computes another, and holds one unit's whole gradient before it is reduced.
    { what: 'gathered layers', gib: gpus === 1 ? 0 : 2 * unit + 2 * layer + 2 * layer },
    { what: 'inputs of layers', gib: checkpointedBytes(architecture) * tokens },
    { what: 'one layer computed again', gib: layerActivationBytes(architecture) * tokens },
    {
      what: 'logits',
      gib: (LOGIT_BYTES * architecture.vocabulary * tokens) / (ask.chunkedLoss ? LOSS_CHUNKS : 1),
    },
  ].map(({ what, gib }) => ({ what, gib: gib / GIB }));
  return memoryNeed([...items, { what: 'CUDA and NCCL', gib: CONTEXT_GIB }], UTILISATION * reportedGiB(ask.gpu));
}

/** Largest micro-batch, a power of two up to `most`, that fits; null where not even one sequence does. */
export function largestMicroBatch(ask: Omit<TrainingAsk, 'microBatch'>, most: number): number | null {
  const sizes = [1, 2, 4, 8, 16, 32, 64, 128].filter((size) => size <= most);
  return sizes.findLast((microBatch) => trainingMemory({ ...ask, microBatch }).fits) ?? null;
}

/** Fewest nodes on which one sequence a GPU fits; null if none of up to 4,096 does: no number of them helps a sequence that is too long. */
export function fewestNodes(ask: Omit<TrainingAsk, 'microBatch' | 'gpus'>, gpusPerNode: number): number | null {
  const fits = (nodes: number) => trainingMemory({ ...ask, microBatch: 1, gpus: nodes * gpusPerNode }).fits;
  if (!fits(4096)) return null;
  for (let nodes = 1; ; nodes += 1) if (fits(nodes)) return nodes;
}

/** FLOPs of training on one token: forward 2, backward 4 a parameter. Source: arXiv 2001.08361, section 2.1. */
export const trainingFlopsPerToken = (architecture: Architecture): number => 6 * parametersOf(architecture);
/** FLOPs of generating one token: forward alone. */
export const generationFlopsPerToken = (architecture: Architecture): number => 2 * parametersOf(architecture);
