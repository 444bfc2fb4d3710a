import type { Assumptions, GpuName } from '../spec/index.ts';
import { type Architecture, embeddingParameters, layerParameters, parametersOf } from './architecture.ts';
import { GIB, type MemoryItem, type MemoryNeed, memoryNeed, reportedGiB } from './memory.ts';

/** Usable fraction of a GPU's memory. The allocator loses the rest to fragmentation. *Ours*. */
const UTILISATION = 0.95;
/** CUDA context, NCCL buffers and workspaces. *Ours*. */
const CONTEXT_GIB = 2;
/** Number of chunks of a chunked loss, as in `CEWithChunkedOutputLoss` of torchtune. */
const LOSS_CHUNKS = 8;

export interface TrainingInput {
  readonly architecture: Architecture;
  readonly gpu: GpuName;
  readonly precision: Assumptions['trainingPrecision'];
  readonly offload: Assumptions['offload'];
  readonly chunkedLoss: boolean;
  /** Number of GPUs over which weights, gradients and optimizer are sharded (FSDP, full shard). */
  readonly gpus: number;
  /** Sequences per forward pass of a GPU. */
  readonly microBatch: number;
  /** Length of the longest sequence in tokens. */
  readonly sequenceTokens: number;
  /** Whether there is a reference policy for a KL term: a frozen copy of the policy, sharded in bf16. */
  readonly reference: boolean;
}

/**
 * Bytes per parameter of the sharded state. Source: ZeRO (arXiv 1910.02054), section 3.1: 16 bytes per parameter for
 * mixed precision with Adam. `fp32-master` follows FSDP of PyTorch: 4 bytes each for weights and gradients, 8 for the
 * moments; the bf16 copy is made layer by layer. `bf16` follows the full recipes of torchtune: 2 bytes for every value.
 */
export const STATE_BYTES = {
  'fp32-master': { weights: 4, gradients: 4, optimizer: 8 },
  bf16: { weights: 2, gradients: 2, optimizer: 4 },
} as const satisfies Record<Assumptions['trainingPrecision'], object>;

/** Bytes of the state on all GPUs together. */
export function stateBytes(architecture: Architecture, precision: Assumptions['trainingPrecision']): number {
  const { weights, gradients, optimizer } = STATE_BYTES[precision];
  return parametersOf(architecture) * (weights + gradients + optimizer);
}

/**
 * Bytes of activations per token within one decoder layer while it is recomputed in the backward pass: norms and
 * residuals (4 h), queries and the output of attention, keys and values, and three tensors of the gated feed-forward
 * network, with 2 bytes per value. Source: based on Korthikanti et al. (arXiv 2205.05198), equation 2, `34 h` for an
 * ungated layer. Flash attention stores no score matrix (arXiv 2205.14135).
 */
export function layerActivationBytes({ hiddenSize, heads, kvHeads, headDim, feedForward }: Architecture): number {
  return 2 * (4 * hiddenSize + 2 * heads * headDim + 2 * kvHeads * headDim + 3 * feedForward);
}

/**
 * Bytes per token of the inputs of all layers, which full activation checkpointing stores. Source: `2 h` per layer,
 * arXiv 2205.05198, section 5.
 */
export const checkpointedBytes = ({ hiddenSize, layers }: Architecture): number => 2 * hiddenSize * layers;

/**
 * Bytes of logits per token and vocabulary entry: bf16 logits, their copy in fp32 and its gradient. Source: the causal
 * loss of transformers casts logits to fp32.
 */
const LOGIT_BYTES = 2 + 4 + 4;

/** Memory of one GPU for full fine-tuning with FSDP and full activation checkpointing. */
export function trainingMemory(input: TrainingInput): MemoryNeed {
  const { architecture, gpus, precision, offload, reference } = input;
  const state = STATE_BYTES[precision];
  const share = parametersOf(architecture) / gpus;
  const tokens = input.microBatch * input.sequenceTokens;
  const unit = Math.max(layerParameters(architecture), embeddingParameters(architecture));
  const layer = layerParameters(architecture);
  const on = (bytes: number, offloaded: boolean) => (offloaded ? 0 : bytes * share);
  const items: MemoryItem[] = [
    { what: 'weights', gib: on(state.weights, offload === 'all') },
    { what: 'gradients', gib: on(state.gradients, offload === 'all') },
    { what: 'optimizer', gib: on(state.optimizer, offload !== 'none') },
    ...(reference ? [{ what: 'reference policy', gib: 2 * share }] : []),
    // FSDP gathers one unit while it computes another, and it holds the full gradient of one unit before reducing it.
    { what: 'gathered layers', gib: gpus === 1 ? 0 : 2 * unit + 2 * layer + 2 * layer },
    { what: 'inputs of layers', gib: checkpointedBytes(architecture) * tokens },
    { what: 'one layer computed again', gib: layerActivationBytes(architecture) * tokens },
    {
      what: 'logits',
      gib: (LOGIT_BYTES * architecture.vocabulary * tokens) / (input.chunkedLoss ? LOSS_CHUNKS : 1),
    },
  ].map(({ what, gib }) => ({ what, gib: gib / GIB }));
  return memoryNeed([...items, { what: 'CUDA and NCCL', gib: CONTEXT_GIB }], UTILISATION * reportedGiB(input.gpu));
}

/** The largest micro-batch that fits: a power of two up to `most`; null if not even one sequence fits. */
export function largestMicroBatch(input: Omit<TrainingInput, 'microBatch'>, most: number): number | null {
  const sizes = [1, 2, 4, 8, 16, 32, 64, 128].filter((size) => size <= most);
  return sizes.findLast((microBatch) => trainingMemory({ ...input, microBatch }).fits) ?? null;
}

/**
 * The minimum number of nodes on which one sequence per GPU fits. Null if 4,096 nodes are not enough: then the sequence
 * is too long for any number of nodes.
 */
export function fewestNodes(input: Omit<TrainingInput, 'microBatch' | 'gpus'>, gpusPerNode: number): number | null {
  const fits = (nodes: number) => trainingMemory({ ...input, microBatch: 1, gpus: nodes * gpusPerNode }).fits;
  if (!fits(4096)) return null;
  for (let nodes = 1; ; nodes += 1) if (fits(nodes)) return nodes;
}

/** FLOPs of training on one token: 2 per parameter forward and 4 backward. Source: arXiv 2001.08361, section 2.1. */
export const trainingFlopsPerToken = (architecture: Architecture): number => 6 * parametersOf(architecture);
/** FLOPs of generating one token: only the forward pass. */
export const generationFlopsPerToken = (architecture: Architecture): number => 2 * parametersOf(architecture);
