"""kill -9 and SIGTERM at random moments, several times in one run: it ends as if nothing had happened.

On a CPU that means to the last bit: the same losses, rewards and gradient norms at every optimizer step, the same final
weights. (On GPUs the trainers ask for deterministic kernels; where there are none, the last bits may differ.)
"""

from __future__ import annotations

import itertools
import json
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign import (
    PRETRAIN,
    RL,
    SFT,
    change_stage,
    checkpoints,
    finished_policy,
    finished_stage,
    metric_lines,
    part,
    rl_stage,
    seal,
    sft_stage,
    steps_told,
    until,
    weights_hash,
    write_stage,
)
from conftest import Warm
from orrery_trainers.checkpoints import checkpoints_in, fault_of, scratch_folder
from orrery_trainers.domains import load_domain
from orrery_trainers.resume import record_file

OF_AN_ATTEMPT = {"attempt", "time"}


def endure(warm: Warm, kind: str, folder: Path, faults: list[Callable], **more: str) -> list[int]:
    """Run a stage to its end under one fault an attempt; returns the steps that each attempt went on from."""
    for attempt, fault in enumerate(faults):
        trainer = warm.start(kind, folder, attempt, **more)
        fault(trainer, folder, attempt)
        assert not (folder / "parts").exists()
    last = warm.start(kind, folder, len(faults), **more)
    assert last.wait() == 0, last.log.read_text()
    return [json.loads(record_file(folder, attempt).read_text())["step"] for attempt in range(len(faults) + 1)]


def killed_at(step: int) -> Callable:
    """SIGKILL, at whatever the trainer does soon after it has told of an optimizer step."""

    def fault(trainer, folder, attempt) -> None:
        until(lambda: steps_told(folder, attempt) >= step, lambda: trainer.alive)
        trainer.kill()

    return fault


def killed_in_save(trainer, folder, attempt) -> None:
    """SIGKILL, while the Trainer writes a checkpoint."""
    until(lambda: any(scratch_folder(folder, attempt).glob("checkpoint-*/*")), lambda: trainer.alive)
    trainer.kill()


def terminated_at(step: int) -> Callable:
    """SIGTERM soon after an optimizer step: it saves, and ends with 143."""

    def fault(trainer, folder, attempt) -> None:
        until(lambda: steps_told(folder, attempt) >= step, lambda: trainer.alive)
        trainer.send(signal.SIGTERM)
        assert trainer.wait() == 143, trainer.log.read_text()
        newest = checkpoints_in(folder)[-1]
        assert newest.step == steps_told(folder, attempt), "a step that was told is in no checkpoint"
        assert fault_of(newest) is None

    return fault


def assert_equal_runs(one: Path, other: Path) -> None:
    """Losses, rewards, gradient norms, lengths of every step; final weights; counts."""
    curves = [
        [{name: value for name, value in line.items() if name not in OF_AN_ATTEMPT} for line in metric_lines(folder)]
        for folder in (one, other)
    ]
    assert curves[0] == curves[1]
    assert weights_hash(one) == weights_hash(other)
    assert part(one)["counts"] == part(other)["counts"]


def test_sft_killed_five_times_equals_the_undisturbed_run(tmp_path, warm):
    dice = random.Random(4)
    steps = sorted(dice.sample(range(3, 58), 4))
    config = {"optimizerSteps": 60, "checkpoints": checkpoints(5)}
    disturbed, undisturbed = sft_stage(tmp_path / "a", **config), sft_stage(tmp_path / "b", **config)
    found = endure(warm, "sft", disturbed, [*map(killed_at, steps), killed_in_save])
    endure(warm, "sft", undisturbed, [])
    assert_equal_runs(disturbed, undisturbed)
    assert [line["optimizerStep"] for line in metric_lines(disturbed)] == list(range(1, 61))
    assert len({line["attempt"] for line in metric_lines(disturbed)}) >= 4
    for step, resumed in zip(steps, found[1:], strict=False):
        assert step - resumed <= 5, "more than one interval of checkpoints was lost"


def test_rl_killed_five_times_equals_the_undisturbed_run(tmp_path, warm):
    dice = random.Random(4)
    steps = sorted(dice.sample(range(2, 23), 4))
    config = {"optimizerSteps": 24, "checkpoints": checkpoints(3)}
    disturbed, undisturbed = rl_stage(tmp_path / "a", **config), rl_stage(tmp_path / "b", **config)
    before = weights_hash(disturbed.parent / finished_policy(tmp_path / "c"))
    found = endure(warm, "rl", disturbed, [*map(killed_at, steps), killed_in_save])
    endure(warm, "rl", undisturbed, [])
    assert_equal_runs(disturbed, undisturbed)
    assert weights_hash(disturbed) != before
    assert part(disturbed)["counts"]["rollouts"] == 24 * RL["promptsPerStep"] * RL["groupSize"]
    for step, resumed in zip(steps, found[1:], strict=False):
        assert step - resumed <= 3, "more than one interval of checkpoints was lost"


@pytest.mark.parametrize(("kind", "stage", "steps"), [("sft", sft_stage, 40), ("rl", rl_stage, 16)])
def test_sigterm_loses_no_step_and_changes_nothing(tmp_path, warm, kind, stage, steps):
    config = {"optimizerSteps": steps, "checkpoints": checkpoints(1000)}
    disturbed, undisturbed = stage(tmp_path / "a", **config), stage(tmp_path / "b", **config)
    moments = sorted(random.Random(4).sample(range(1, steps - 1), 4))
    found = endure(warm, kind, disturbed, [terminated_at(step) for step in moments])
    endure(warm, kind, undisturbed, [])
    assert_equal_runs(disturbed, undisturbed)
    assert all(resumed >= moment for moment, resumed in zip(moments, found[1:], strict=True))


def test_with_a_reference_policy_and_another_micro_batch_rl_goes_on_where_it_was(tmp_path, warm):
    config = {"optimizerSteps": 8, "klCoefficient": 0.1, "checkpoints": checkpoints(2)}
    disturbed, undisturbed = rl_stage(tmp_path / "a", **config), rl_stage(tmp_path / "b", **config)
    endure(warm, "rl", disturbed, [killed_at(5)])
    endure(warm, "rl", undisturbed, [])
    assert_equal_runs(disturbed, undisturbed)
    assert any(line["kl"] > 0 for line in metric_lines(disturbed))
    smaller = rl_stage(tmp_path / "c", **config)
    endure(warm, "rl", smaller, [killed_at(5)], ORRERY_MICRO_BATCH_SCALE="0.5")
    for mine, theirs in zip(metric_lines(smaller), metric_lines(undisturbed), strict=True):
        assert mine["reward"] == theirs["reward"]
        assert mine["loss"] == pytest.approx(theirs["loss"], abs=1e-5)


def test_a_kill_between_the_last_checkpoint_and_the_part_costs_no_step(tmp_path, warm):
    folder = sft_stage(tmp_path)
    endure(warm, "sft", folder, [])
    first, _ = weights_hash(folder), (folder / "parts" / "00000.json").unlink()
    trainer = warm.start("sft", folder, 1)
    assert trainer.wait() == 0, trainer.log.read_text()
    assert weights_hash(folder) == first
    assert {line["attempt"] for line in metric_lines(folder)} == {0}


# --- a whole chain on the embedded domain ---

CHANGE = {"name": "change", "settings": {}}
TINY = {
    "pretrain": {
        **PRETRAIN,
        "model": {"hiddenSize": 32, "layers": 2, "heads": 4, "contextTokens": 192},
        "optimizerSteps": 16,
        "batchSize": 16,
        "checkpoints": checkpoints(4),
    },
    "sft": {
        **SFT,
        "optimizerSteps": 56,
        "batchSize": 4,
        "microBatchSize": 4,
        "learningRate": 1e-2,
        "maxTokens": 192,
        "checkpoints": checkpoints(16),
    },
    "rl": {**RL, "optimizerSteps": 5, "promptsPerStep": 4, "maxCompletionTokens": 64, "checkpoints": checkpoints(1)},
}


def chain_on_change(warm: Warm, store: Path, faults: dict[str, list[Callable]]) -> dict[str, Path]:
    """pretrain, SFT on right answers to two problems, RL on these problems, each under its faults; by kind, the
    folders. So few problems are soon known by heart, and RL has rewards that differ to learn from."""
    domain = load_domain("change")
    solving = ((prompt, text) for prompt, text in domain.demonstrations(5, {}) if prompt.startswith("Pay"))
    right = (one for one in solving if domain.verify(one[0], one[0].split()[1], one[1]).verdict == "right")
    answers = list(itertools.islice(right, 2))
    solutions = [{"id": prompt, "prompt": prompt, "text": f" {text}"} for prompt, text in answers]
    rates = [
        {"problem": {"problem": prompt, "reference": prompt.split()[1]}, "prompt": prompt, "kept": True}
        for prompt, _ in answers
    ]
    written = finished_stage(store, "rewrite", {"solutions-00000.jsonl": solutions})
    chosen = finished_stage(store, "curriculum", {"pass-rates-00000.jsonl": rates})
    folders: dict[str, Path] = {}

    def run(kind: str, inputs: dict[str, str]) -> None:
        folder = write_stage(store, kind, kind, TINY[kind], inputs)
        folder = change_stage(folder, lambda stage: stage.update(domain=CHANGE))
        endure(warm, kind, folder, faults.get(kind, []), ORRERY_DOMAINS=str(domain.folder.parent))
        seal(folder)
        folders[kind] = folder

    run("pretrain", {})
    run("sft", {"policy": folders["pretrain"].name, "solutions": written})
    run("rl", {"policy": folders["sft"].name, "prompts": chosen})
    return folders


def test_a_chain_on_the_embedded_domain_killed_in_every_trainer_equals_the_undisturbed_one(tmp_path, warm):
    dice = random.Random(4)
    faults = {
        "pretrain": [killed_at(dice.randint(5, 14))],
        "sft": [killed_at(dice.randint(20, 50)), killed_in_save],
        "rl": [killed_at(dice.randint(1, 2)), terminated_at(3), killed_in_save],
    }
    disturbed = chain_on_change(warm, tmp_path / "a", faults)
    undisturbed = chain_on_change(warm, tmp_path / "b", {})
    for kind, folder in disturbed.items():
        assert_equal_runs(folder, undisturbed[kind])
    learnt = [line["gradNorm"] > 0 for line in metric_lines(disturbed["rl"])]
    assert any(learnt), "no group differed in its rewards, so RL has shown nothing"
