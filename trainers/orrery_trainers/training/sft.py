"""Supervised fine-tuning on the rewritten solutions with TRL: ``python -m orrery_trainers.training.sft``.

ASTRO (arXiv 2507.00417), SFT: full fine-tune, AdamW, cosine decay, loss on all tokens (prompts not masked), one epoch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from orrery_trainers.pod.context import StageContext
from orrery_trainers.pod.failures import NoEffect
from orrery_trainers.pod.program import run_program
from orrery_trainers.training.arguments import common_arguments
from orrery_trainers.training.batch import divide_batch
from orrery_trainers.training.process import make_deterministic, prepare_environment, quick_imports
from orrery_trainers.training.run import train_and_publish
from orrery_trainers.training.seeds import order_of, seed_for

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, Trainer

    from orrery_trainers.pod.stage_types import SftConfig, SftStage
    from orrery_trainers.training.callback import StageCallback


def optimizer_steps(config: SftConfig, solutions: int) -> int:
    """Optimizer steps of the stage: ``optimizerSteps``, or the steps of ``epochs`` passes, rounded up; at least 1."""
    return config.get("optimizerSteps") or max(1, math.ceil(config["epochs"] * solutions / config["batchSize"]))


def tokenize_solutions(
    solutions: list[dict[str, Any]], tokenizer: PreTrainedTokenizerBase, max_tokens: int
) -> tuple[list[list[int]], int]:
    """Token ids (prompt, text, end token) of every solution of at most ``max_tokens``, and the number of longer ones.

    Longer solutions are left out, because a truncated solution would teach the policy to give no answer.
    """
    texts = [solution["prompt"] + solution["text"] for solution in solutions]
    ids = [[*one, tokenizer.eos_token_id] for one in tokenizer(texts)["input_ids"]]
    fitting = [one for one in ids if len(one) <= max_tokens]
    return fitting, len(ids) - len(fitting)


def sft(context: StageContext[SftStage]) -> None:
    """Run the stage: train the input policy on the solutions and publish data/policy."""
    prepare_environment(context)
    config = context.stage["config"]
    solutions = list(context.input_records("solutions", "solutions.jsonl"))
    policy = context.policy_directory()
    if not solutions:
        raise NoEffect(
            "solutions: expected at least one, but the stage rewrite kept none: its counts and dropped.jsonl say what"
            " it dropped and why; change stages.rewrite, stages.linearise or the search, then cancel the campaign and"
            " submit it again"
        )
    batch = divide_batch(config["batchSize"], context.world_size, config["microBatchSize"], context.micro_batch_scale)
    with quick_imports():
        import torch
        from datasets import Dataset
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from trl import SFTConfig, SFTTrainer

    make_deterministic(seed_for(context.stage["seed"], "sft"))
    tokenizer = cast("PreTrainedTokenizerBase", AutoTokenizer.from_pretrained(policy))
    rows, too_long = tokenize_solutions(solutions, tokenizer, config["maxTokens"])
    if not rows:
        raise NoEffect(
            f"stages.sft.maxTokens: expected room for at least one of {len(solutions)} solutions, but got "
            f"{config['maxTokens']}, and every solution is longer; raise it, then cancel the campaign and submit it"
            " again"
        )
    if too_long > 0:
        context.log.warn("solutions left out: longer than maxTokens", left_out=too_long, maxTokens=config["maxTokens"])
    steps = optimizer_steps(config, len(rows))
    order = order_of(len(rows), steps * config["batchSize"], seed_for(context.stage["seed"], "sft", "order"))

    def build(callback: StageCallback) -> Trainer:
        arguments = SFTConfig(
            **common_arguments(context, batch, steps),
            lr_scheduler_type="cosine",
            warmup_steps=min(config["warmupSteps"], steps - 1),
            weight_decay=0.0,
            max_length=None,
            packing=False,
            activation_checkpointing=torch.cuda.is_available(),
            dataset_kwargs={"skip_prepare_dataset": True},
        )
        return SFTTrainer(
            model=AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32),
            args=arguments,
            train_dataset=cast("Dataset", Dataset.from_dict({"input_ids": rows}).select(order)),
            processing_class=tokenizer,
            callbacks=[callback],
        )

    def counts(_: Trainer) -> dict[str, float]:
        tokens = sum(len(rows[row]) for row in order)
        return {"optimizerSteps": steps, "solutions": len(rows), "tooLong": too_long, "tokens": tokens}

    train_and_publish(context, build, counts)


if __name__ == "__main__":
    run_program("sft", sft)
