import { expect, test } from 'vitest';
import {
  ARCHITECTURES,
  architectureFromConfig,
  pretrainedArchitecture,
  publishedArchitecture,
} from '../../planner/index.ts';

/** Shortened config.json of meta-llama/Llama-3.1-70B-Instruct on Hugging Face. */
const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  torch_dtype: 'bfloat16',
  attention_bias: false,
  hidden_size: 8192,
  intermediate_size: 28_672,
  num_attention_heads: 64,
  num_hidden_layers: 80,
  num_key_value_heads: 8,
  vocab_size: 128_256,
  max_position_embeddings: 131_072,
  tie_word_embeddings: false,
};

test('config.json gives the same architecture as the table', () => {
  expect(architectureFromConfig(CONFIG, 'config.json')).toEqual(ARCHITECTURES['Llama-3.1-70B']);
});

test('Qwen2 has biases, although its config.json does not mention them', () => {
  const { attention_bias: _, ...rest } = CONFIG;
  expect(architectureFromConfig({ ...rest, model_type: 'qwen2' }, 'config.json').qkvBias).toBe(true);
});

test('the error for a config.json without a field names the field', () => {
  const { hidden_size: _, ...rest } = CONFIG;
  expect(() => architectureFromConfig(rest, '/models/x/config.json')).toThrow(
    '/models/x/config.json is not valid:\n  hidden_size: expected number, but got nothing',
  );
});

test.each([
  ['meta-llama/Llama-3.1-70B-Instruct', true],
  ['meta-llama/Meta-Llama-3.1-405B', true],
  ['Qwen/Qwen2.5-7B-Instruct', true],
  ['HuggingFaceTB/SmolLM2-135M-Instruct', true],
  ['someone/Llama-3.1-70B-distilled', false],
])('%s is published: %s', (name, known) => {
  expect(publishedArchitecture(name) !== null).toBe(known);
});

test('the model of pretrain has the width and depth of its settings', () => {
  const model = pretrainedArchitecture({ hiddenSize: 96, layers: 3, heads: 4, contextTokens: 256 });
  expect(model).toMatchObject({ headDim: 24, kvHeads: 4, feedForward: 288, contextTokens: 256 });
});
