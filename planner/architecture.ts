import { z } from 'zod';
import { parseOrRefuse } from '../spec/index.ts';

/** The properties of a decoder that determine its memory and FLOPs. The names follow config.json of Hugging Face. */
export interface Architecture {
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  /** Number of heads for keys and values. It is smaller than `heads` with grouped-query attention. */
  readonly kvHeads: number;
  readonly headDim: number;
  /** Width of the gated feed-forward network (three matrices). */
  readonly feedForward: number;
  readonly vocabulary: number;
  /** Whether the output layer shares its weights with the embedding. */
  readonly tied: boolean;
  /** Whether queries, keys and values have biases (Qwen2.5). */
  readonly qkvBias: boolean;
  readonly contextTokens: number;
}

type Shape = readonly [
  hiddenSize: number,
  layers: number,
  heads: number,
  kvHeads: number,
  headDim: number,
  feedForward: number,
];
const shaped = ([hiddenSize, layers, heads, kvHeads, headDim, feedForward]: Shape) =>
  ({ hiddenSize, layers, heads, kvHeads, headDim, feedForward }) as const;
const llama31 = (shape: Shape): Architecture => ({
  ...shaped(shape),
  vocabulary: 128_256,
  tied: false,
  qkvBias: false,
  contextTokens: 131_072,
});
const qwen25 = (shape: Shape): Architecture => ({
  ...shaped(shape),
  vocabulary: 152_064,
  tied: false,
  qkvBias: true,
  contextTokens: 32_768,
});

/**
 * Published architectures by the name of the model on Hugging Face, without its organisation, `Meta-`, `-Instruct` and
 * `-Base`. Source: config.json of each model. A test checks that {@link parametersOf} gives the published number of
 * parameters.
 */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  'Llama-3.1-8B': llama31([4096, 32, 32, 8, 128, 14_336]),
  'Llama-3.1-70B': llama31([8192, 80, 64, 8, 128, 28_672]),
  'Llama-3.1-405B': llama31([16_384, 126, 128, 8, 128, 53_248]),
  'Llama-3.3-70B': llama31([8192, 80, 64, 8, 128, 28_672]),
  'Qwen2.5-7B': qwen25([3584, 28, 28, 4, 128, 18_944]),
  'Qwen2.5-32B': qwen25([5120, 64, 40, 8, 128, 27_648]),
  'Qwen2.5-72B': qwen25([8192, 80, 64, 8, 128, 29_568]),
  'SmolLM2-135M': {
    ...shaped([576, 30, 9, 3, 64, 1536]),
    vocabulary: 49_152,
    tied: true,
    qkvBias: false,
    contextTokens: 8192,
  },
};

/**
 * The published architecture of a model; null if it is not in the table.
 * @param name - for example `meta-llama/Llama-3.1-70B-Instruct`
 */
export function publishedArchitecture(name: string): Architecture | null {
  const model = (name.split('/').at(-1) ?? '').replace(/^Meta-/, '').replace(/-(Instruct|Base)$/, '');
  return ARCHITECTURES[model] ?? null;
}

/**
 * The architecture of the small model that the stage `pretrain` trains. `trainers/orrery_trainers/training/pretrain.py`
 * builds it with the vocabulary of the domain, which has about 64 tokens.
 */
export function pretrainedArchitecture(model: {
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly contextTokens: number;
}): Architecture {
  const { hiddenSize, layers, heads, contextTokens } = model;
  return {
    ...shaped([hiddenSize, layers, heads, heads, hiddenSize / heads, 3 * hiddenSize]),
    vocabulary: 64,
    tied: true,
    qkvBias: false,
    contextTokens,
  };
}

/** The fields of a config.json that the planner uses. */
const ModelConfig = z.object({
  model_type: z.string().optional(),
  hidden_size: z.int().min(1),
  num_hidden_layers: z.int().min(1),
  num_attention_heads: z.int().min(1),
  num_key_value_heads: z.int().min(1).optional(),
  head_dim: z.int().min(1).nullish(),
  intermediate_size: z.int().min(1),
  vocab_size: z.int().min(1),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().optional(),
  max_position_embeddings: z.int().min(1),
});

/**
 * The architecture according to the config.json of a model.
 * @param config - parsed config.json in the layout of Hugging Face
 * @param path - path of the file, for error messages
 * @throws InvalidInputError if a field is missing or invalid
 */
export function architectureFromConfig(config: unknown, path: string): Architecture {
  const model = parseOrRefuse(ModelConfig, config, path);
  return {
    hiddenSize: model.hidden_size,
    layers: model.num_hidden_layers,
    heads: model.num_attention_heads,
    kvHeads: model.num_key_value_heads ?? model.num_attention_heads,
    headDim: model.head_dim ?? Math.floor(model.hidden_size / model.num_attention_heads),
    feedForward: model.intermediate_size,
    vocabulary: model.vocab_size,
    tied: model.tie_word_embeddings,
    qkvBias: model.attention_bias ?? model.model_type === 'qwen2',
    contextTokens: model.max_position_embeddings,
  };
}

/** Number of parameters of one embedding matrix. */
export const embeddingParameters = ({ vocabulary, hiddenSize }: Architecture): number => vocabulary * hiddenSize;

/** Number of parameters of one decoder layer: attention (q, k, v, o), gated feed-forward network, two norms. */
export function layerParameters({ hiddenSize, heads, kvHeads, headDim, feedForward, qkvBias }: Architecture): number {
  const queries = heads * headDim;
  const keysAndValues = 2 * kvHeads * headDim;
  const bias = qkvBias ? queries + keysAndValues : 0;
  return hiddenSize * (2 * queries + keysAndValues) + bias + 3 * hiddenSize * feedForward + 2 * hiddenSize;
}

/** Number of parameters of the whole model. */
export function parametersOf(architecture: Architecture): number {
  const embeddings = (architecture.tied ? 1 : 2) * embeddingParameters(architecture);
  return embeddings + architecture.layers * layerParameters(architecture) + architecture.hiddenSize;
}
