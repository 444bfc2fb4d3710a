"""Reinforcement learning with TRL's GRPO: ``python -m orrery_trainers.training.rl``.

ASTRO (arXiv 2507.00417), RL: GRPO (arXiv 2402.03300) from the SFT policy, groups of 4, reward +1 for a right
completion and -1 for a wrong one. *Ours*: no KL term by default, advantages centred but not divided by the group's
standard deviation, and the token-level loss of DAPO (arXiv 2503.14476). An unjudged completion has no reward and does
not count in its group's mean.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from orrery_trainers.pod.context import StageContext
from orrery_trainers.pod.failures import InvalidInput, NoEffect
from orrery_trainers.pod.program import run_program
from orrery_trainers.training.arguments import common_arguments
from orrery_trainers.training.batch import divide_batch
from orrery_trainers.training.process import make_deterministic, prepare_environment, quick_imports
from orrery_trainers.training.run import train_and_publish
from orrery_trainers.training.seeds import order_of, seed_for
from orrery_trainers.verdicts.canaries import WatchedVerifier

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, Trainer

    from orrery_trainers.domains import Verdict
    from orrery_trainers.pod.stage_types import RlStage
    from orrery_trainers.training.callback import StageCallback

REWARDS = {"right": 1.0, "wrong": -1.0, "unjudged": None}
"""Verdict -> reward (ASTRO, RL). None: the sample is ignored, so a time-out never teaches that an answer is wrong."""


def kept_prompts(records: Sequence[dict[str, Any]]) -> list[dict[str, str]]:
    """The prompts that the curriculum kept, as rows of the training set: prompt, problem, reference.

    records: lines of the curriculum's pass-rates.jsonl.
    Raises NoEffect with counts and pass rates if no prompt was kept.
    """
    kept = [record for record in records if record["kept"]]
    if not kept:
        reasons = ", ".join(
            f"{count} {reason}" for reason, count in Counter(one["reason"] for one in records).most_common()
        )
        rates = [record["passRate"] for record in records]
        spread = f"pass rates from {min(rates):g} to {max(rates):g}" if rates else "no pass rates"
        raise NoEffect(
            f"prompts: expected at least one prompt that the curriculum kept, but got none of {len(records)} "
            f"({reasons or 'it is empty'}; {spread}); widen stages.curriculum.passRate, add prompts, or train the "
            "policy longer, then cancel the campaign and submit it again"
        )
    return [
        {
            "prompt": record["prompt"],
            "problem": record["problem"]["problem"],
            "reference": record["problem"]["reference"],
        }
        for record in kept
    ]


def reward_function(
    verify_batch: Callable[[list[tuple[str, str, str]]], list[Verdict]], count_backtracks: Callable[[str], int]
) -> Callable[..., list[float | None]]:
    """The reward function for TRL. It returns one reward per completion; None if the completion is unjudged.

    It logs backtracks and the share of unjudged completions as metrics. A second reward function with weight 0 would
    not work: TRL ignores a completion only if *every* function returns None, so None would become reward 0.
    """

    def verified(
        completions: list[str],
        problem: list[str],
        reference: list[str],
        log_metric: Callable[[str, float], None],
        **_: Any,
    ) -> list[float | None]:
        verdicts = verify_batch(list(zip(problem, reference, completions, strict=True)))
        log_metric("backtracks", sum(map(count_backtracks, completions)) / len(completions))
        log_metric("unjudged", sum(one.verdict == "unjudged" for one in verdicts) / len(verdicts))
        log_metric("timedOut", sum(one.reason == "timeout" for one in verdicts) / len(verdicts))
        return [REWARDS[one.verdict] for one in verdicts]

    return verified


def read_config(policy: Path) -> dict[str, Any]:
    """``config.json`` of a policy in Hugging Face layout. Raises InvalidInput if it is missing or not JSON."""
    try:
        return json.loads((policy / "config.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError) as error:
        raise InvalidInput(f"{policy / 'config.json'}: expected a policy in Hugging Face layout: {error}") from None


def rl(context: StageContext[RlStage]) -> None:
    """Run the stage: train the input policy on the kept prompts and publish data/policy."""
    prepare_environment(context)
    from orrery_trainers.domains import load_domain
    from orrery_trainers.models.llama import is_small_plain_llama
    from orrery_trainers.training.rollouts import completion_room, rollout_function
    from orrery_trainers.verdicts.verifier import Verifier

    stage, config = context.stage, context.stage["config"]
    prompts = kept_prompts(list(context.input_records("prompts", "pass-rates.jsonl")))
    policy = context.policy_directory()
    domain = load_domain(stage["domain"]["name"])
    rollouts = config["promptsPerStep"] * config["groupSize"]
    batch = divide_batch(rollouts, context.world_size, config["microBatchSize"], context.micro_batch_scale)
    steps = config["optimizerSteps"]
    order = order_of(len(prompts), steps * config["promptsPerStep"], seed_for(stage["seed"], "rl", "order"))
    with Verifier(domain.name) as verifier:
        watched = WatchedVerifier(domain, verifier)
        with quick_imports():
            import torch
            from datasets import Dataset
            from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
            from trl import GRPOConfig, GRPOTrainer

        make_deterministic(seed_for(stage["seed"], "rl"))
        rollout_func = None  # TRL then uses transformers' generate
        network = read_config(policy)
        tokenizer = cast("PreTrainedTokenizerBase", AutoTokenizer.from_pretrained(policy))
        texts = [row["prompt"] for row in prompts]
        context_tokens = AutoConfig.from_pretrained(policy).max_position_embeddings
        room = completion_room(texts, tokenizer(texts)["input_ids"], context_tokens)
        if not torch.cuda.is_available() and is_small_plain_llama(network, policy):
            rollout_func = rollout_function(
                stage["seed"], context.rank, config["temperature"], config["topP"], config["maxCompletionTokens"]
            )

        def build(callback: StageCallback) -> Trainer:
            arguments = GRPOConfig(
                **common_arguments(context, batch, steps),
                lr_scheduler_type="constant",
                weight_decay=0.0,
                num_generations=config["groupSize"],
                # An optimizer step makes its own rollouts, so no rollout is unfinished or unused at a checkpoint.
                steps_per_generation=batch.accumulation,
                num_iterations=1,
                temperature=config["temperature"],
                top_p=config["topP"],
                # transformers' generate has one limit for all prompts; our own rollouts limit each prompt separately.
                max_completion_length=min(config["maxCompletionTokens"], room),
                beta=config["klCoefficient"],
                scale_rewards="group" if config["scaleAdvantages"] else "none",
                loss_type="dapo",
                mask_truncated_completions=False,
                shuffle_dataset=False,
                activation_checkpointing=torch.cuda.is_available(),
            )
            return GRPOTrainer(
                model=AutoModelForCausalLM.from_pretrained(policy, dtype=torch.float32),
                args=arguments,
                train_dataset=cast("Dataset", Dataset.from_list(prompts).select(order)),
                processing_class=tokenizer,
                reward_funcs=[reward_function(watched.verify_batch, domain.count_backtracks)],
                callbacks=[callback],
                rollout_func=rollout_func,
            )

        def counts(trainer: Trainer) -> dict[str, float]:
            return {
                "optimizerSteps": steps,
                "prompts": len(prompts),
                "rollouts": steps * rollouts,
                "tokens": trainer.state.num_input_tokens_seen,
            }

        train_and_publish(context, build, counts)


if __name__ == "__main__":
    run_program("rl", rl)
