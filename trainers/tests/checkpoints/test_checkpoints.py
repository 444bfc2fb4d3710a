"""Checkpoints: which are valid, which damage is found, and that none is ever incomplete. And the curve in them."""

from __future__ import annotations

import json

import pytest
import xxhash

from orrery_trainers.checkpoints.checkpoint import (
    MARKER,
    Metric,
    checkpoints_in,
    clear_scratch,
    scratch_folder,
)
from orrery_trainers.checkpoints.integrity import checkpoint_metric, fault_of, quick_fault_of
from orrery_trainers.pod.failures import Fenced
from orrery_trainers.training.metrics import METRICS_FILE, MetricsJournal, diverged_in, metric_of
from saved import DAMAGE, at, flip_bit, mark_with_sha256, save


def test_a_checkpoint_has_its_step_attempt_metric_and_the_hash_of_every_file(tmp_path):
    path = save(tmp_path, 10, attempt=2, metric=Metric("loss", 0.5, 4))
    marker = json.loads((path / MARKER).read_text())
    assert path.name == "step-00000010-attempt-2"
    assert (marker["step"], marker["attempt"]) == (10, 2)
    assert marker["metric"] == {"name": "loss", "mean": 0.5, "steps": 4}
    assert {entry["path"] for entry in marker["files"]} == {"model.safetensors", "nested/rng.pth"}
    weights = next(entry for entry in marker["files"] if entry["path"] == "model.safetensors")
    assert weights["xxh3_128"] == xxhash.xxh3_128(b"weights 10").hexdigest()
    assert checkpoint_metric(at(path)) == Metric("loss", 0.5, 4)
    assert fault_of(at(path)) is None


def test_checkpoints_are_in_the_order_of_their_steps_and_of_one_step_by_attempt(tmp_path):
    for step, attempt in ((10, 0), (2, 0), (10, 1), (4, 2)):
        save(tmp_path, step, attempt)
    (tmp_path / "checkpoints" / "step-00000099").mkdir()  # no name of ours
    assert [(one.step, one.attempt) for one in checkpoints_in(tmp_path)] == [(2, 0), (4, 2), (10, 0), (10, 1)]


@pytest.mark.parametrize("fault", DAMAGE)
def test_damage_is_described(tmp_path, fault):
    path = save(tmp_path, 4)
    DAMAGE[fault](path)
    assert fault_of(at(path)) == fault


def test_a_marker_of_an_older_version_is_checked_by_its_sha256(tmp_path):
    path = save(tmp_path, 4)
    mark_with_sha256(path)
    assert fault_of(at(path)) is None
    flip_bit(path / "nested" / "rng.pth")
    assert fault_of(at(path)) == "nested/rng.pth: sha256 differs"


def test_a_marker_with_hashes_of_an_unknown_algorithm_is_damaged(tmp_path):
    path = save(tmp_path, 4)
    (path / MARKER).write_text((path / MARKER).read_text().replace("xxh3_128", "crc32"))
    assert fault_of(at(path)) == "complete.json is damaged"


def test_the_quick_check_reads_only_the_marker_and_the_sizes(tmp_path):
    path = save(tmp_path, 4)
    flip_bit(path / "model.safetensors")
    assert quick_fault_of(at(path)) is None
    (path / "model.safetensors").write_text("wei")
    assert quick_fault_of(at(path)) == "model.safetensors: expected 9 bytes, got 3"


def test_a_marker_that_is_a_list_is_damaged_and_has_no_metric(tmp_path):
    path = save(tmp_path, 4)
    (path / MARKER).write_text("[]")
    assert fault_of(at(path)) == "complete.json is damaged"
    assert checkpoint_metric(at(path)) is None


def test_a_checkpoint_is_never_seen_half_written(tmp_path):
    half = scratch_folder(tmp_path, 0) / "checkpoint-4"
    half.mkdir(parents=True)
    (half / "model.safetensors").write_text("wei")
    assert checkpoints_in(tmp_path) == []


def test_the_scratch_of_a_killed_attempt_is_removed_and_that_of_a_later_one_stays(tmp_path):
    folders = [scratch_folder(tmp_path, attempt) for attempt in (0, 1, 2)]
    for folder in folders:
        folder.mkdir(parents=True)
    clear_scratch(tmp_path, 1)
    assert [folder.exists() for folder in folders] == [False, False, True]


def test_a_fenced_attempt_leaves_no_checkpoint(tmp_path):
    def fence() -> None:
        raise Fenced("attempt 1 has claimed the stage")

    with pytest.raises(Fenced):
        save(tmp_path, 2, fence=fence)
    assert checkpoints_in(tmp_path) == []


def test_attempts_that_save_the_same_step_leave_each_others_checkpoints_alone(tmp_path):
    theirs = save(tmp_path, 2, attempt=1)
    save(tmp_path, 2, attempt=0)  # a zombie, later
    assert fault_of(at(theirs)) is None
    assert len(checkpoints_in(tmp_path)) == 2


def test_a_curve_continues_from_its_checkpoint(tmp_path):
    first = MetricsJournal(tmp_path, 0)
    first.begin(None)
    for step in (1, 2):
        first.append({"optimizerStep": step, "attempt": 0})
    first.copy_to(tmp_path / METRICS_FILE)  # the checkpoint of step 2
    first.append({"optimizerStep": 3, "attempt": 0})
    second = MetricsJournal(tmp_path, 1)
    second.begin(tmp_path)
    second.append({"optimizerStep": 3, "attempt": 1})
    first.append({"optimizerStep": 4, "attempt": 0})  # a zombie goes on
    second.close()
    lines = [json.loads(line) for line in second.file.read_text().splitlines()]
    assert [(line["optimizerStep"], line["attempt"]) for line in lines] == [(1, 0), (2, 0), (3, 1)]


def test_metrics_have_our_names_and_leave_out_values_that_are_not_finite():
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
def test_a_loss_or_gradient_that_is_not_finite_is_a_divergence(logs, words):
    assert diverged_in(logs) == words
