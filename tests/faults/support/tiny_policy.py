"""Writes the smallest policy that the policy server computes in NumPy: a random Llama over countdown's vocabulary.

    PYTHONPATH=trainers python tests/faults/support/tiny_policy.py DIR

The policy is not trained, and torch is not needed. Its text is random words in short steps that sometimes end with an
answer, so a search can expand nodes, finish solutions and backtrack.
"""

import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from orrery_trainers.domains import load_domain
from orrery_trainers.models.tokenizer import build_tokenizer

CONTEXT, WIDTH, LAYERS, HEADS = 96, 32, 2, 4
LIKELY = {".": 4.0, "Final answer:": 3.0, "+": 2.0, "-": 2.0, "*": 2.0, "=": 2.0, "<eos>": 2.0}
"""Token -> bias of its logit at every position. The bias of other tokens is 0.5 for a number and -2 for a word."""


def main(folder: Path) -> None:
    tokenizer = build_tokenizer(load_domain("countdown").vocabulary({}), CONTEXT)
    tokenizer.save_pretrained(folder)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": False,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": tokenizer.eos_token_id}))
    save_file(weights(tokenizer.get_vocab()), folder / "model.safetensors")


def weights(vocabulary: dict[str, int]) -> dict[str, np.ndarray]:
    """Name of the tensor in transformers -> random tensor.

    The first number of every hidden state is constant, so the first column of the head acts as a bias.
    """
    random = np.random.default_rng(0)

    def noise(*shape: int, scale: float = 0.1) -> np.ndarray:
        return (scale * random.standard_normal(shape)).astype(np.float32)

    embedding, head = noise(len(vocabulary), WIDTH, scale=1.0), noise(len(vocabulary), WIDTH, scale=0.3)
    embedding[:, 0] = 4.0
    for word, number in vocabulary.items():
        likely = 0.5 if word.isdigit() else LIKELY.get(word, -2.0)
        head[number, 0] = likely / 3.0
    tensors = {"model.embed_tokens.weight": embedding, "lm_head.weight": head}
    tensors["model.norm.weight"] = np.ones(WIDTH, np.float32)
    for layer in range(LAYERS):
        name = f"model.layers.{layer}."
        for matrix in ("q_proj", "k_proj", "v_proj", "o_proj"):
            tensors[f"{name}self_attn.{matrix}.weight"] = noise(WIDTH, WIDTH)
        tensors[f"{name}mlp.gate_proj.weight"] = noise(2 * WIDTH, WIDTH)
        tensors[f"{name}mlp.up_proj.weight"] = noise(2 * WIDTH, WIDTH)
        tensors[f"{name}mlp.down_proj.weight"] = noise(WIDTH, 2 * WIDTH)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{name}{norm}.weight"] = np.ones(WIDTH, np.float32)
    # The projections that add to the hidden state must not change its first number.
    for name, tensor in tensors.items():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            tensor[0] = 0.0
    return tensors


if __name__ == "__main__":
    main(Path(sys.argv[1]))
