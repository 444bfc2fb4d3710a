"""Rollouts of a small Llama on a CPU, for TRL's ``rollout_func``, with the same model code as the policy server.

The random number of a token is a function of seed, optimizer step, rank, completion and position. So there is no random
state that a resumed run would have to restore.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from orrery_trainers.models.llama import Llama
from orrery_trainers.models.policy_model import PolicyModel, order_without
from orrery_trainers.models.sampling import sample, stream_key, uniforms
from orrery_trainers.pod.failures import InvalidInput
from orrery_trainers.training.seeds import seed_for

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerBase
    from trl import GRPOTrainer


def rollout_function(
    seed: int, rank: int, temperature: float, top_p: float, max_tokens: int
) -> Callable[[list[str], GRPOTrainer], dict[str, Any]]:
    """The function that GRPOTrainer calls to sample from its current policy.

    It returns the token ids of every prompt and of its completion. max_tokens: maximum length of a completion.
    """

    def roll_out(prompts: list[str], trainer: GRPOTrainer) -> dict[str, Any]:
        network: Any = trainer.accelerator.unwrap_model(trainer.model)
        weights = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
        model = Llama(network.config.to_dict(), weights, np.dtype("float32"))
        tokenizer = cast("PreTrainedTokenizerBase", trainer.processing_class)
        prompt_ids = tokenizer(prompts)["input_ids"]
        stream = seed_for(seed, "rollouts", trainer.state.global_step, rank)
        ends = {tokenizer.eos_token_id}
        completions = complete(model, prompt_ids, stream, temperature, top_p, max_tokens, ends)
        return {"prompt_ids": prompt_ids, "completion_ids": completions, "logprobs": None}

    return roll_out


def completion_room(prompts: list[str], token_ids: list[list[int]], context_tokens: int) -> int:
    """The number of tokens that the context has left for a completion after the longest prompt; at least 1.

    token_ids: the tokens of each prompt.
    Raises InvalidInput naming the longest prompt if it fills the context.
    """
    longest = max(range(len(prompts)), key=lambda number: len(token_ids[number]))
    room = context_tokens - len(token_ids[longest])
    if room < 1:
        raise InvalidInput(
            f"prompts: expected at most {context_tokens - 1} tokens, one less than the policy's context, "
            f"but got {len(token_ids[longest])} in {prompts[longest][:80]!r}; remove the problem, or start from a "
            "policy with a longer context"
        )
    return room


def complete(
    model: PolicyModel,
    prompts: list[list[int]],
    seed: int,
    temperature: float,
    top_p: float,
    max_tokens: int,
    ends: set[int],
) -> list[list[int]]:
    """Sample a completion for every prompt. Returns the tokens of each, including a token of ``ends``.

    A completion ends with a token of ``ends``, after ``max_tokens`` tokens, or when prompt and completion fill the
    model's context, like in the policy server. Prompts must be shorter than the context (:func:`completion_room`).
    Equal prompts in a row (a group) are read once.
    """
    groups = [(prompt, len(list(copies))) for prompt, copies in groupby(prompts)]
    keys = np.array([stream_key(seed, 0, row) for row in range(len(prompts))], np.uint64)
    read = model.join([prompt for prompt, _ in groups], [copies for _, copies in groups])
    logits = np.repeat(read, [copies for _, copies in groups], axis=0)
    limits = [min(max_tokens, model.context_tokens - len(prompt)) for prompt in prompts]
    alive = list(range(len(prompts)))
    completions: list[list[int]] = [[] for _ in prompts]
    for position in range(max(limits)):
        rows = len(alive)
        draws = uniforms(keys[alive], np.full(rows, position, np.uint64))
        tokens, _ = sample(logits, np.full(rows, float(temperature)), np.full(rows, float(top_p)), draws)
        for row, token in zip(alive, tokens.tolist(), strict=True):
            completions[row].append(token)
        ended = {
            place
            for place, (row, token) in enumerate(zip(alive, tokens.tolist(), strict=True))
            if token in ends or position + 1 == limits[row]
        }
        if len(ended) == rows:
            break
        if ended:
            order = order_without(rows, ended)
            model.keep(order)
            alive, tokens = [alive[place] for place in order], tokens[order]
        logits = cast("NDArray[np.floating]", model.step(tokens))
    return completions
