"""Checkpoint truth: what counts, what is passed over and why, what is kept. And the curve that goes with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orrery_trainers.checkpoints import (
    MARKER,
    PassedOver,
    clear_scratch,
    discard_from,
    newest_complete,
    publish_checkpoint,
    retain,
    scratch_folder,
)
from orrery_trainers.failures import Fenced
from orrery_trainers.metrics import MetricsJournal, diverged_in, metric_of


def save(stage: Path, step: int, attempt: int = 0, text: str = "weights", fence=lambda: None) -> Path:
    saved = scratch_folder(stage, attempt) / f"checkpoint-{step}"
    (saved / "nested").mkdir(parents=True)
    (saved / "model.safetensors").write_text(f"{text} {step}")
    (saved / "nested" / "rng.pth").write_text("dice")
    return publish_checkpoint(saved, stage, step, attempt, fence)[0]


def test_the_newest_checkpoint_that_verifies_counts(tmp_path):
    save(tmp_path, 2)
    save(tmp_path, 10)
    found, passed_over = newest_complete(tmp_path)
    assert (found.step, found.path.name, passed_over) == (10, "step-00000010", [])
    marker = json.loads((found.path / MARKER).read_text())
    assert (marker["step"], marker["attempt"]) == (10, 0)
    assert {entry["path"] for entry in marker["files"]} == {"model.safetensors", "nested/rng.pth"}


def test_without_any_checkpoint_there_is_none(tmp_path):
    assert newest_complete(tmp_path) == (None, [])


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: (path / MARKER).unlink(), "no marker (complete.json)"),
        (lambda path: (path / MARKER).write_text("{"), "complete.json is damaged"),
        (lambda path: (path / MARKER).write_text("[]"), "complete.json is damaged"),
        (lambda path: (path / "model.safetensors").unlink(), "model.safetensors: file missing"),
        (lambda path: (path / "model.safetensors").write_text("x"), "model.safetensors: expected 9 bytes, got 1"),
        (lambda path: (path / "model.safetensors").write_text("Weights 4"), "model.safetensors: sha256 differs"),
    ],
)
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_it(tmp_path, damage, reason):
    save(tmp_path, 2)
    damage(save(tmp_path, 4))
    found, passed_over = newest_complete(tmp_path)
    assert found.step == 2
    assert passed_over == [PassedOver(4, reason)]


def test_a_checkpoint_is_never_seen_half_written(tmp_path):
    save(tmp_path, 2)
    half = scratch_folder(tmp_path, 0) / "checkpoint-4"
    half.mkdir()
    (half / "model.safetensors").write_text("wei")
    assert newest_complete(tmp_path)[0].step == 2
    clear_scratch(tmp_path)
    assert not half.exists()


def test_a_fenced_attempt_leaves_no_checkpoint(tmp_path):
    def fence() -> None:
        raise Fenced("attempt 1 has claimed the stage")

    with pytest.raises(Fenced):
        save(tmp_path, 2, fence=fence)
    assert newest_complete(tmp_path) == (None, [])


def test_a_checkpoint_of_the_same_step_is_replaced(tmp_path):
    save(tmp_path, 2, attempt=0, text="old")
    save(tmp_path, 2, attempt=1, text="new")
    found, _ = newest_complete(tmp_path)
    assert (found.path / "model.safetensors").read_text() == "new 2"
    assert json.loads((found.path / MARKER).read_text())["attempt"] == 1


def test_the_last_checkpoints_are_kept_and_a_damaged_one_does_not_take_the_place_of_a_good_one(tmp_path):
    for step in (2, 4, 6):
        save(tmp_path, step)
    (save(tmp_path, 8) / MARKER).unlink()
    assert retain(tmp_path, keep=2) == [2]
    assert newest_complete(tmp_path)[0].step == 6


def test_after_a_divergence_later_checkpoints_are_gone_for_good(tmp_path):
    for step in (2, 4, 6):
        save(tmp_path, step)
    assert discard_from(tmp_path, 4) == [4, 6]
    assert newest_complete(tmp_path)[0].step == 2


def test_metrics_of_steps_beyond_the_checkpoint_are_dropped_so_that_there_is_one_curve(tmp_path):
    file = tmp_path / "data" / "metrics.jsonl"
    journal = MetricsJournal(file)
    journal.resume_after(0)
    for step in (1, 2, 3):
        journal.append({"optimizerStep": step, "attempt": 0})
    journal.close()
    file.write_text(file.read_text() + '{"optimizerStep": 4, "att')
    journal.resume_after(2)
    journal.append({"optimizerStep": 3, "attempt": 1})
    journal.close()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(line["optimizerStep"], line["attempt"]) for line in lines] == [(1, 0), (2, 0), (3, 1)]


def test_metrics_have_our_names_and_leave_out_what_is_no_number():
    logs = {
        "loss": 0.5,
        "grad_norm": 1.0,
        "completions/mean_length": 7.0,
        "reward": float("nan"),
        "kl": None,
        "epoch": 1,
    }
    assert metric_of(logs, 3, 1, "now") == {
        "optimizerStep": 3,
        "attempt": 1,
        "time": "now",
        "loss": 0.5,
        "gradNorm": 1.0,
        "completionTokens": 7.0,
    }


@pytest.mark.parametrize(
    ("logs", "words"),
    [
        ({"loss": float("nan"), "grad_norm": 1.0}, "the loss became nan"),
        ({"loss": 1.0, "grad_norm": float("inf")}, "the gradient norm became inf"),
        ({"loss": 1.0, "grad_norm": 1.0}, None),
    ],
)
def test_a_loss_or_gradient_that_is_no_number_is_a_divergence(logs, words):
    assert diverged_in(logs) == words
