import type { Assumptions, GpuName } from '../spec/index.ts';
import { type Architecture, embeddingParameters, parametersOf } from './architecture.ts';
import { GIB, type MemoryNeed, memoryNeed, reportedGiB } from './memory.ts';

/** Fraction of a GPU's memory that vLLM uses: its default `gpu_memory_utilization`. CUDA graphs use the rest. */
const UTILISATION = 0.9;
/** Tokens of one forward pass of a policy server: the order of magnitude of `max_num_batched_tokens` in vLLM. */
const BATCHED_TOKENS = 4096;
/** Sequences of one forward pass: the default `max_num_seqs` of vLLM. */
const MAX_SEQUENCES = 256;
/** CUDA context and workspaces of a process. *Ours*, from the output of vLLM at its start. */
const CONTEXT_GIB = 1;
/** NCCL buffers of a server with more than one GPU. *Ours*. */
const NCCL_GIB = 1;
/** Tensor parallel sizes to try. A valid size fits into a node and divides the attention heads. */
const SIZES = [1, 2, 4, 8, 16] as const;

export interface InferenceInput {
  readonly architecture: Architecture;
  readonly gpu: GpuName;
  readonly dtype: Assumptions['inferenceDtype'];
  /** Maximum length of a prompt with its completion, in tokens: `--max-model-len`. */
  readonly contextTokens: number;
}

export interface InferencePlan {
  readonly tensorParallel: number;
  readonly memory: MemoryNeed;
  /** Capacity of the KV cache in tokens. */
  readonly cacheTokens: number;
}

/**
 * Bytes of the weights. With fp8, the two embedding matrices stay in bf16, as in published fp8 checkpoints. Source:
 * parameters x bytes, as in the table of Hugging Face for Llama 3.1 (140 GB for 70B in 16 bits, 810 GB for 405B).
 */
export function weightBytes(architecture: Architecture, dtype: Assumptions['inferenceDtype']): number {
  const all = parametersOf(architecture);
  if (dtype === 'bf16') return 2 * all;
  const embeddings = (architecture.tied ? 1 : 2) * embeddingParameters(architecture);
  return 2 * embeddings + (all - embeddings);
}

/**
 * Bytes of the KV cache per token on one of `tensorParallel` GPUs: `2 · layers · kvHeads · headDim · 2 bytes`. The
 * heads are divided among the GPUs, with at least one head per GPU. Source: grouped-query attention (arXiv 2305.13245).
 * The table of Hugging Face for Llama 3.1 (0.313 GB per 1,000 tokens of 70B) follows the same formula.
 */
export function cacheBytesPerToken({ layers, kvHeads, headDim }: Architecture, tensorParallel = 1): number {
  return 2 * layers * Math.max(1, kvHeads / tensorParallel) * headDim * 2;
}

/**
 * Peak memory of the activations of a forward pass: the two halves of the feed-forward network, four buffers of the
 * hidden size, and logits in fp32. *Ours*, based on the profile run of vLLM.
 */
function activationBytes({ hiddenSize, feedForward, vocabulary }: Architecture, tensorParallel: number): number {
  const perToken = 2 * ((2 * feedForward) / tensorParallel + 4 * hiddenSize);
  return BATCHED_TOKENS * perToken + MAX_SEQUENCES * vocabulary * 4;
}

/**
 * Memory of one GPU of a policy server. One sequence of the full context must fit, because otherwise vLLM does not
 * start.
 */
export function inferencePlan(input: InferenceInput, tensorParallel: number): InferencePlan {
  const { architecture, gpu, dtype, contextTokens } = input;
  const usable = UTILISATION * reportedGiB(gpu);
  const fixed = [
    { what: `weights in ${dtype}`, gib: weightBytes(architecture, dtype) / tensorParallel / GIB },
    { what: 'activations and logits', gib: activationBytes(architecture, tensorParallel) / GIB },
    { what: 'CUDA and NCCL', gib: CONTEXT_GIB + (tensorParallel > 1 ? NCCL_GIB : 0) },
  ];
  const perToken = cacheBytesPerToken(architecture, tensorParallel);
  const left = usable - fixed.reduce((sum, { gib }) => sum + gib, 0);
  const cache = { what: `KV cache of one sequence of ${contextTokens} tokens`, gib: (contextTokens * perToken) / GIB };
  return {
    tensorParallel,
    memory: memoryNeed([...fixed, cache], usable),
    cacheTokens: Math.max(0, Math.floor((left * GIB) / perToken)),
  };
}

/**
 * The smallest tensor parallel size with enough memory for the model, one full context, and enough sequences of mean
 * length to fill batches. Null if the model does not fit on `gpus` GPUs. Fewer GPUs per server mean more servers, and
 * so more tokens per second from the same GPUs.
 */
export function smallestServer(
  input: InferenceInput,
  gpus: number,
  enough: { readonly sequences: number; readonly tokens: number },
): InferencePlan | null {
  const sizes = SIZES.filter((size) => size <= gpus && input.architecture.heads % size === 0);
  const plans = sizes.map((size) => inferencePlan(input, size)).filter(({ memory }) => memory.fits);
  return plans.find(({ cacheTokens }) => cacheTokens >= enough.sequences * enough.tokens) ?? plans.at(-1) ?? null;
}
