import type { Assumptions, GpuName } from '../spec/index.ts';
import { type Architecture, embeddingParameters, parametersOf } from './architecture.ts';
import { GIB, type MemoryNeed, memoryNeed, reportedGiB } from './memory.ts';

/** Share of a GPU's memory that vLLM takes: its default `gpu_memory_utilization`. CUDA graphs go into the rest. */
const UTILISATION = 0.9;
/** Tokens of one forward pass of a policy server: vLLM's `max_num_batched_tokens` at its order of magnitude. */
const BATCHED_TOKENS = 4096;
/** Sequences of one pass: vLLM's default `max_num_seqs`. */
const MAX_SEQUENCES = 256;
/** CUDA context and workspaces of a process. *Ours*, from what vLLM prints at its start. */
const CONTEXT_GIB = 1;
/** NCCL's buffers, where there is more than one GPU. *Ours*. */
const NCCL_GIB = 1;
/** Tensor parallel sizes that are tried: within a node, and a divisor of the attention heads. */
const SIZES = [1, 2, 4, 8, 16] as const;

export interface InferenceAsk {
  readonly architecture: Architecture;
  readonly gpu: GpuName;
  readonly dtype: Assumptions['inferenceDtype'];
  /** Longest sequence, prompt and completion, in tokens: `--max-model-len`. */
  readonly contextTokens: number;
}

export interface InferencePlan {
  readonly tensorParallel: number;
  readonly memory: MemoryNeed;
  /** Tokens that the KV cache has room for. */
  readonly cacheTokens: number;
}

/**
 * Bytes of the weights. In fp8 the two embedding matrices stay in bf16, as the published fp8 checkpoints have them.
 * Source: parameters x bytes, as in Hugging Face's table for Llama 3.1 (140 GB for 70B in 16 bits, 810 GB for 405B).
 */
export function weightBytes(architecture: Architecture, dtype: Assumptions['inferenceDtype']): number {
  const all = parametersOf(architecture);
  if (dtype === 'bf16') return 2 * all;
  const embeddings = (architecture.tied ? 1 : 2) * embeddingParameters(architecture);
  return 2 * embeddings + (all - embeddings);
}

/**
 * Bytes of the KV cache per token on one GPU of `tensorParallel`: `2 · layers · kvHeads · headDim · 2 bytes`, the heads divided among
 * the GPUs and never below one. Source: grouped-query attention (arXiv 2305.13245); Hugging Face's table for Llama 3.1 (0.313 GB per
 * 1,000 tokens of 70B) is the same formula.
 */
export function cacheBytesPerToken({ layers, kvHeads, headDim }: Architecture, tensorParallel = 1): number {
  return 2 * layers * Math.max(1, kvHeads / tensorParallel) * headDim * 2;
}

/** Peak of activations of a pass: the feed-forward's two halves, four residual-wide buffers, logits in fp32. *Ours*, after vLLM's profile run. */
function activationBytes({ hiddenSize, feedForward, vocabulary }: Architecture, tensorParallel: number): number {
  const perToken = 2 * ((2 * feedForward) / tensorParallel + 4 * hiddenSize);
  return BATCHED_TOKENS * perToken + MAX_SEQUENCES * vocabulary * 4;
}

/** Memory of one GPU of a policy server. It fits when one sequence of the whole context does, without which vLLM refuses to start. */
export function inferencePlan(ask: InferenceAsk, tensorParallel: number): InferencePlan {
  const { architecture, gpu, dtype, contextTokens } = ask;
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
 * The smallest tensor parallel size that holds the model, one whole context, and enough sequences of mean length to fill batches; null
 * if none of at most `gpus` does. Fewer GPUs a server mean more servers, and more tokens a second of the same GPUs.
 */
export function smallestServer(
  ask: InferenceAsk,
  gpus: number,
  enough: { readonly sequences: number; readonly tokens: number },
): InferencePlan | null {
  const sizes = SIZES.filter((size) => size <= gpus && ask.architecture.heads % size === 0);
  const plans = sizes.map((size) => inferencePlan(ask, size)).filter(({ memory }) => memory.fits);
  return plans.find(({ cacheTokens }) => cacheTokens >= enough.sequences * enough.tokens) ?? plans.at(-1) ?? null;
}
