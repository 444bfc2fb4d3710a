import numpy as np
import pytest

from orrery_trainers.models.sampling import sample, stream_key, uniforms


def drawn(logits, count=20_000, temperature=1.0, top_p=1.0):
    """Frequencies of tokens over `count` draws from one distribution."""
    rows = np.tile(np.array(logits), (count, 1))
    keys = np.full(count, stream_key(0, 0, 0), np.uint64)
    random = uniforms(keys, np.arange(count, dtype=np.uint64))
    tokens, _ = sample(rows, np.full(count, temperature), np.full(count, top_p), random)
    return np.bincount(tokens, minlength=len(logits)) / count


def test_tokens_come_as_often_as_the_model_says():
    probabilities = np.array([0.5, 0.3, 0.15, 0.05])
    assert drawn(np.log(probabilities)) == pytest.approx(probabilities, abs=0.015)


def test_temperature_flattens_and_zero_takes_the_most_likely():
    logits = np.log([0.6, 0.3, 0.1])
    flattened = np.array([0.6, 0.3, 0.1]) ** 0.5
    assert drawn(logits, temperature=2.0) == pytest.approx(flattened / flattened.sum(), abs=0.015)
    assert drawn(logits, temperature=0.0).tolist() == [1, 0, 0]


@pytest.mark.parametrize(("top_p", "kept"), [(0.0, 1), (0.5, 1), (0.51, 2), (0.79, 2), (0.95, 3), (1.0, 4)])
def test_the_nucleus_is_the_smallest_set_with_at_least_the_probability(top_p, kept):
    assert np.count_nonzero(drawn(np.log([0.5, 0.3, 0.15, 0.05]), top_p=top_p)) == kept


def test_logprobs_are_the_models_own_whatever_the_temperature():
    logits = np.log([[0.6, 0.3, 0.1]])
    tokens, logprobs = sample(logits, np.array([5.0]), np.array([0.1]), np.array([0.9]))
    assert logprobs[0] == pytest.approx(logits[0, tokens[0]])


def test_a_stream_depends_on_seed_prompt_and_completion_alone():
    keys = [stream_key(*place) for place in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]]
    assert len(set(keys)) == 4
    together = uniforms(np.array(keys, np.uint64), np.arange(4, dtype=np.uint64))
    alone = [uniforms(np.array([key], np.uint64), np.array([at], np.uint64))[0] for at, key in enumerate(keys)]
    assert together.tolist() == alone
    assert ((together >= 0) & (together < 1)).all()


def test_the_largest_random_number_never_draws_a_token_without_weight():
    logits = np.array([[0.0, 1.0, -np.inf, -np.inf]])
    tokens, _ = sample(logits, np.ones(1), np.ones(1), np.array([np.nextafter(1, 0)]))
    assert tokens[0] == 1


def test_torch_draws_the_same_tokens():
    torch = pytest.importorskip("torch")
    from orrery_trainers.models.torch_sampling import sample as sample_by_torch

    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (300, 50)).astype(np.float32)
    temperature = random.choice([0.0, 0.5, 1.0, 2.0], 300)
    top_p = random.choice([0.0, 0.3, 0.9, 1.0], 300)
    uniform = random.random(300)
    for warmth in (temperature, np.ones(300)):
        tokens, logprobs = sample(logits, warmth, top_p, uniform)
        by_torch, logprobs_by_torch = sample_by_torch(torch.from_numpy(logits), warmth, top_p, uniform)
        assert (tokens == by_torch).mean() > 0.99  # a random number may lie on a border
        same = tokens == by_torch
        assert logprobs_by_torch[same] == pytest.approx(logprobs[same], abs=1e-5)
    nowhere = torch.tensor([[0.0, 1.0, -torch.inf, -torch.inf]])
    assert sample_by_torch(nowhere, np.ones(1), np.ones(1), np.array([np.nextafter(1, 0)]))[0][0] == 1
