"""Both implementations of a policy's forward pass against a plain one of transformers, while rows join and leave."""

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from orrery_trainers.models import row_cache
from orrery_trainers.models.llama import Llama
from orrery_trainers.models.load import load_model
from orrery_trainers.models.policy_model import ModelError, order_without
from orrery_trainers.models.transformers_model import TransformersModel
from servers import save_policy

SHAPES = {
    "tied": {},
    "grouped": {
        "num_key_value_heads": 2, "head_dim": 12, "tie_word_embeddings": False, "intermediate_size": 50,
        "rope_parameters": {"rope_type": "default", "rope_theta": 500.0},
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=SHAPES)
def folder(request, tmp_path_factory):
    return save_policy(tmp_path_factory.mktemp(request.param), **SHAPES[request.param])


@pytest.fixture(scope="module")
def reference(folder):
    """Logits after a sequence, computed by transformers without a cache."""
    model = AutoModelForCausalLM.from_pretrained(folder).eval()

    def logits(tokens):
        with torch.inference_mode():
            return model(torch.tensor([tokens])).logits[0, -1].numpy()

    return logits


@pytest.mark.parametrize("implementation", ["numpy", "transformers", "transformers that remembers prompts"])
def test_logits_are_those_of_transformers_while_rows_join_and_leave(folder, reference, implementation, monkeypatch):
    monkeypatch.setattr(row_cache, "MIN_NEW_COLUMNS", 3)  # so that it often has to move
    remembered = 10**6 if "remembers" in implementation else 0
    numpy = implementation == "numpy"
    model = load_model(folder, "float32") if numpy else TransformersModel(folder, "float32", remembered)
    assert implementation.startswith(model.kind)
    random = np.random.default_rng(0)
    prompts = [random.integers(4, 90, length).tolist() for length in (5, 17, 33, 1)]
    copies = [1, 3, 1, 2]
    logits = model.join(prompts, copies)
    assert np.abs(np.asarray(logits) - [reference(prompt) for prompt in prompts]).max() < 1e-4
    rows = [list(prompt) for prompt, count in zip(prompts, copies, strict=True) for _ in range(count)]
    for step in range(40):
        tokens = random.integers(4, 90, len(rows))
        for row, token in zip(rows, tokens.tolist(), strict=True):
            row.append(token)
        logits = model.step(tokens)
        if step in (0, 7, 20, 39):
            assert np.abs(np.asarray(logits) - [reference(row) for row in rows]).max() < 1e-4
        if step == 7:
            order = order_without(len(rows), {0, 2})
            model.keep(order)
            rows = [rows[number] for number in order]
        if step == 15:
            # Prompts: one begins like an earlier one, one continues it, one is new, one is longer than all cached.
            late = [[*prompts[2][:20], 7, 8], [*prompts[2], 9], random.integers(4, 90, 3).tolist(), [5] * 60]
            logits = model.join(late, [2, 1, 1, 1])
            assert np.abs(np.asarray(logits) - [reference(prompt) for prompt in late]).max() < 1e-4
            rows += [list(late[0]), *map(list, late)]


def test_a_row_is_the_same_alone_and_in_a_batch(folder):
    """On any BLAS, logits are equal except for the last bits. On OpenBLAS, they are equal bit for bit."""
    random = np.random.default_rng(1)
    prompt = random.integers(4, 90, 21).tolist()
    crowd = [random.integers(4, 90, length).tolist() for length in range(1, 40)]
    alone, crowded = load_model(folder, "float32"), load_model(folder, "float32")
    pairs = [(alone.join([prompt], [1])[0], crowded.join([*crowd, prompt], [2] * 39 + [1])[-1])]
    for _ in range(30):
        tokens = random.integers(4, 90, 79)
        pairs.append((alone.step(tokens[-1:])[0], crowded.step(tokens)[-1]))
    assert max(np.abs(one - other).max() for one, other in pairs) < 1e-5
    if "openblas" in np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]:
        assert all(np.array_equal(one, other) for one, other in pairs)


@pytest.mark.parametrize(
    ("rows", "gone", "order"), [(5, {1, 2}, [0, 4, 3]), (3, {2}, [0, 1]), (2, {0, 1}, []), (3, set(), [0, 1, 2])]
)
def test_the_last_rows_fill_the_gaps(rows, gone, order):
    assert order_without(rows, gone) == order


def test_a_llama_with_extra_parts_runs_with_transformers(tmp_path):
    save_policy(tmp_path, attention_bias=True)
    assert load_model(tmp_path, "float32").kind == "transformers"


def test_a_folder_without_a_model_is_refused_by_name(tmp_path):
    with pytest.raises(ModelError, match=r"config\.json: expected a model in Hugging Face layout"):
        load_model(tmp_path, "float32")


def test_a_missing_tensor_is_named(policy):
    import json

    config = json.loads((policy / "config.json").read_text()) | {"num_hidden_layers": 3}
    with pytest.raises(ModelError, match=r"model\.layers\.2\."):
        Llama.load(policy, config, "float32")
