"""Pretrains the small stand-in for an instruct model: ``python -m orrery_trainers.training.pretrain``. *Ours*.

It trains a Llama from scratch, with a word-level tokenizer, on demonstrations of the domain. The loss counts the
completions alone. The policy must often be wrong, in different ways, but it must make legal steps and judge attempts.
Verdict tokens are rare, so they have a higher weight in the loss; without it the policy does not learn them.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from orrery_trainers.pod.context import StageContext
from orrery_trainers.pod.failures import InvalidInput
from orrery_trainers.pod.program import run_program
from orrery_trainers.training.arguments import common_arguments
from orrery_trainers.training.batch import Batch
from orrery_trainers.training.process import make_deterministic, prepare_environment, quick_imports
from orrery_trainers.training.run import train_and_publish
from orrery_trainers.training.seeds import seed_for

if TYPE_CHECKING:
    import torch
    from torch.utils.data import Dataset
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast, Trainer

    from orrery_trainers.domains import Domain
    from orrery_trainers.pod.stage_types import Model, PretrainStage
    from orrery_trainers.training.callback import StageCallback

VERDICT_WEIGHT = 8.0
"""Weight of a verdict token in the loss; other tokens have weight 1. *Ours*, measured."""
STEPS_PER_BLOCK = 8
"""Optimizer steps whose demonstrations are drawn together and sorted by length, to reduce padding. *Ours*."""
IGNORED = -100
"""Label of a token that does not count in the loss (PyTorch's convention)."""

Example = dict[str, list[int]]


class Demonstrations(Sequence[Example]):
    """Tokenized demonstrations by index. The same index always gives the same demonstration.

    ``len`` is optimizerSteps x batchSize. Every block of STEPS_PER_BLOCK optimizer steps has its own seed, so a resumed
    run draws no earlier block.
    """

    def __init__(self, domain: Domain, tokenizer: PreTrainedTokenizerFast, stage: PretrainStage) -> None:
        config = stage["config"]
        assert domain.demonstrations is not None  # `pretrain` has checked it
        self._draw = domain.demonstrations
        self._tokenizer = tokenizer
        self._settings = stage["domain"]["settings"]
        self._seed = stage["seed"]
        self._batch = config["batchSize"]
        self._context_tokens = config["model"]["contextTokens"]
        self._length = config["optimizerSteps"] * self._batch
        self._block: tuple[int, list[Example]] = (-1, [])

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Example:
        number, offset = divmod(index, STEPS_PER_BLOCK * self._batch)
        if self._block[0] != number:
            self._block = (number, self._make_block(number))
        return self._block[1][offset]

    def _make_block(self, number: int) -> list[Example]:
        seed = seed_for(self._seed, "demonstrations", number)
        drawn = list(itertools.islice(self._draw(seed, self._settings), STEPS_PER_BLOCK * self._batch))
        examples = sorted((self._tokenize(*one) for one in drawn), key=lambda one: len(one["input_ids"]))
        batches = [examples[at : at + self._batch] for at in range(0, len(examples), self._batch)]
        random.Random(seed).shuffle(batches)
        return [example for batch in batches for example in batch]

    def _tokenize(self, prompt: str, completion: str) -> Example:
        context = self._tokenizer(prompt)["input_ids"]
        answer = self._tokenizer(completion, add_special_tokens=False)["input_ids"]
        ids = [*context, *answer, self._tokenizer.eos_token_id]
        if len(ids) > self._context_tokens:
            raise InvalidInput(
                f"stage file: config.model.contextTokens: expected room for the longest demonstration, "
                f"but got {self._context_tokens}, and one demonstration has {len(ids)} tokens"
            )
        return {"input_ids": ids, "labels": [IGNORED] * len(context) + ids[len(context) :]}


def build_model(model: Model, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama with random weights from torch's current seed. Embeddings are tied, the MLP has 3 x the hidden size."""
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    special = {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    network = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=model["hiddenSize"],
            intermediate_size=3 * model["hiddenSize"],
            num_hidden_layers=model["layers"],
            num_attention_heads=model["heads"],
            num_key_value_heads=model["heads"],
            max_position_embeddings=model["contextTokens"],
            tie_word_embeddings=True,
            initializer_range=0.05,
            **special,
        )
    )
    network.generation_config = GenerationConfig(**special)
    return network


def pad_batch(examples: list[Example], pad: int) -> dict[str, torch.Tensor]:
    """Right-padded tensors of a batch: input_ids and labels, each ``[sequences, longest]``.

    There is no attention mask, because it would cost time and change nothing: attention is causal, and the padding on
    the right has no labels.
    """
    import torch

    longest = max(len(one["input_ids"]) for one in examples)

    def rows(name: str, fill: int) -> torch.Tensor:
        return torch.tensor([one[name] + [fill] * (longest - len(one[name])) for one in examples])

    return {"input_ids": rows("input_ids", pad), "labels": rows("labels", IGNORED)}


def weighted_loss(logits: torch.Tensor, labels: torch.Tensor, verdicts: torch.Tensor) -> torch.Tensor:
    """Weighted cross-entropy of the next token, divided by the number of counted tokens; a scalar.

    logits: ``[sequences, tokens, vocabulary]``. labels: ``[sequences, tokens]``, IGNORED where a token does not count.
    verdicts: ``[n]``, ids of the tokens that have the weight VERDICT_WEIGHT.
    """
    import torch

    targets = labels[:, 1:].flatten()
    each = torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), targets, ignore_index=IGNORED, reduction="none"
    )
    weights = 1 + (VERDICT_WEIGHT - 1) * torch.isin(targets, verdicts)
    return (each * weights).sum() / (targets != IGNORED).sum()


def pretrain(context: StageContext[PretrainStage]) -> None:
    """Run the stage: train on the domain's demonstrations and publish data/policy."""
    prepare_environment(context)
    from orrery_trainers.domains import load_domain

    stage, config = context.stage, context.stage["config"]
    domain = load_domain(stage["domain"]["name"])
    if domain.vocabulary is None or domain.demonstrations is None:
        raise InvalidInput(
            "stage file: domain.name: expected a domain with vocabulary() and demonstrations(), "
            f"but got {domain.name!r}"
        )
    with quick_imports():
        import torch
        from transformers import Trainer, TrainingArguments

    from orrery_trainers.models.tokenizer import build_tokenizer

    make_deterministic(seed_for(stage["seed"], "weights"))
    tokenizer = build_tokenizer(domain.vocabulary(stage["domain"]["settings"]), config["model"]["contextTokens"])
    demonstrations = Demonstrations(domain, tokenizer, stage)
    phrases = (domain.phrases.positive, domain.phrases.negative)
    verdicts = torch.tensor([tokenizer.vocab[phrase] for phrase in phrases if phrase in tokenizer.vocab])

    def build(callback: StageCallback) -> Trainer:
        arguments = TrainingArguments(
            **common_arguments(context, Batch(config["batchSize"], 1), config["optimizerSteps"]),
            lr_scheduler_type="cosine_with_min_lr",
            lr_scheduler_kwargs={"min_lr_rate": 0.05},
            warmup_steps=min(50, config["optimizerSteps"] // 10),
            adam_beta2=0.98,
            weight_decay=0.01,
            remove_unused_columns=False,
        )
        return Trainer(
            model=build_model(config["model"], tokenizer),
            args=arguments,
            train_dataset=cast("Dataset[Example]", demonstrations),
            data_collator=lambda examples: pad_batch(examples, tokenizer.pad_token_id),
            compute_loss_func=lambda outputs, labels, num_items_in_batch=None: weighted_loss(
                outputs.logits, labels, verdicts
            ),
            processing_class=tokenizer,
            callbacks=[callback],
        )

    def counts(trainer: Trainer) -> dict[str, float]:
        return {
            "optimizerSteps": config["optimizerSteps"],
            "demonstrations": len(demonstrations),
            "parameters": sum(parameter.numel() for parameter in cast("torch.nn.Module", trainer.model).parameters()),
        }

    train_and_publish(context, build, counts)


if __name__ == "__main__":
    run_program("pretrain", pretrain)
