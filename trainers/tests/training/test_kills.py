"""kill -9 and SIGTERM at random moments, several times in one run: the result equals that of an undisturbed run.

On a CPU that means to the last bit: the same losses, rewards and gradient norms at every optimizer step, the same final
weights. (On GPUs the trainers ask for deterministic kernels; where there are none, the last bits may differ.)
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from campaign import PRETRAIN, RL, SFT, checkpoints, finished_policy, rl_stage, sft_stage
from endurance import assert_equal_runs, endure, killed_at, killed_in_save, terminated_at
from orrery_trainers.domains import load_domain
from results import metric_lines, part, weights_hash
from stages import change_stage, finished_stage, seal, write_stage
from warm import Warm


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


def test_with_a_reference_policy_and_another_micro_batch_rl_resumes_where_it_was(tmp_path, warm):
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
