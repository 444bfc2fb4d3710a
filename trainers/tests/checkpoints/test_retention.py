"""Which checkpoints stay: the last, the best, every N-th. A damaged one never replaces a good one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from orrery_trainers.checkpoints.checkpoint import (
    MARKER,
    Checkpoint,
    Metric,
    checkpoints_in,
    clear_scratch,
    scratch_folder,
)
from orrery_trainers.checkpoints.integrity import fault_of
from orrery_trainers.checkpoints.resume import choose_checkpoint, discard_from, write_record
from orrery_trainers.checkpoints.retention import Keep, kept_of, retain
from programs import until
from saved import at, flip_bit, save


def with_means(name: str, *means: float | None) -> list[tuple[Checkpoint, Metric | None]]:
    """Checkpoints of steps 10, 20, ... with a metric each."""
    metrics = [None if mean is None else Metric(name, mean, 10) for mean in means]
    return [(Checkpoint(10 * (n + 1), 0, Path(str(n))), metric) for n, metric in enumerate(metrics)]


@pytest.mark.parametrize(
    ("saved", "keep", "steps"),
    [
        (with_means("loss", 4, 3, 2, 1), Keep(2, 0, None), [30, 40]),
        (with_means("loss", 4, 1, 2, 3), Keep(2, 1, None), [20, 30, 40]),
        (with_means("loss", 4, 3, 2, 1), Keep(2, 1, None), [30, 40]),
        (with_means("reward", 0.1, 0.9, 0.2, 0.3), Keep(1, 1, None), [20, 40]),
        (with_means("reward", 0.1, 0.9, 0.8, 0.3), Keep(1, 2, None), [20, 30, 40]),
        (with_means("reward", 0.9, 0.9, 0.2, 0.3), Keep(1, 1, None), [20, 40]),
        (with_means("reward", None, None, None), Keep(1, 1, None), [30]),
        (with_means("loss", 4, 3, 2, 1, 0), Keep(1, 0, 20), [20, 40, 50]),
        (with_means("loss", 4), Keep(3, 3, None), [10]),
    ],
)
def test_the_last_the_best_and_every_nth_are_kept(saved, keep, steps):
    assert sorted(checkpoint.step for checkpoint in kept_of(saved, keep)) == steps


@given(
    means=some.lists(some.none() | some.floats(-1, 1), min_size=1, max_size=12),
    keep=some.builds(Keep, some.integers(1, 4), some.integers(0, 3), some.none() | some.integers(1, 50)),
)
def test_the_newest_is_kept_always_and_no_more_than_asked_for(means, keep):
    saved = with_means("reward", *means)
    kept = kept_of(saved, keep)
    assert saved[-1][0] in kept
    for_good = sum(keep.every_steps is not None and one.step % keep.every_steps == 0 for one, _ in saved)
    assert len(kept) <= keep.last + keep.best + for_good


def steps_in(stage: Path) -> list[int]:
    return [one.step for one in checkpoints_in(stage)]


def test_unneeded_checkpoints_are_removed_with_the_reason(tmp_path):
    for step, loss in ((2, 0.1), (4, 0.3), (6, 0.2), (8, 0.4)):
        save(tmp_path, step, metric=Metric("loss", loss, 2))
    removed = retain(tmp_path, 0, Keep(1, 1, None))
    assert {one.checkpoint: one.reason for one in removed} == dict.fromkeys(
        ["step-00000004-attempt-0", "step-00000006-attempt-0"], "neither among the last nor the best"
    )
    assert steps_in(tmp_path) == [2, 8]


def test_a_damaged_checkpoint_never_replaces_a_good_one(tmp_path):
    for step in (2, 4, 6, 8):
        save(tmp_path, step)
    (tmp_path / "checkpoints" / "step-00000004-attempt-0" / "model.safetensors").write_text("wei")
    (tmp_path / "checkpoints" / "step-00000006-attempt-0" / MARKER).unlink()
    removed = {one.checkpoint: one.reason for one in retain(tmp_path, 0, Keep(2, 0, None))}
    assert removed == {
        "step-00000004-attempt-0": "model.safetensors: expected 9 bytes, got 3",
        "step-00000006-attempt-0": "no marker (complete.json)",
    }
    assert steps_in(tmp_path) == [2, 8]


def test_a_checkpoint_that_was_damaged_at_resume_stays_invalid_even_if_its_sizes_are_right(tmp_path):
    for step in (2, 4):
        save(tmp_path, step)
    flipped = save(tmp_path, 6)
    flip_bit(flipped / "model.safetensors")
    found, passed_over = choose_checkpoint(tmp_path, 1)
    write_record(tmp_path, 1, found, passed_over)
    save(tmp_path, 6, attempt=1)
    retain(tmp_path, 1, Keep(2, 0, None))
    assert [(one.step, one.attempt) for one in checkpoints_in(tmp_path)] == [(4, 0), (6, 1)]


def test_abandoned_checkpoints_are_removed_and_those_of_a_later_attempt_stay(tmp_path):
    save(tmp_path, 2)
    write_record(tmp_path, 1, at(save(tmp_path, 4)), [])
    save(tmp_path, 6, attempt=0)  # a zombie's
    save(tmp_path, 8, attempt=2)  # a successor's: this attempt is the zombie
    save(tmp_path, 6, attempt=1)
    retain(tmp_path, 1, Keep(2, 0, None))
    assert [(one.step, one.attempt) for one in checkpoints_in(tmp_path)] == [(4, 0), (6, 1), (8, 2)]


def test_a_removed_checkpoint_takes_no_room_soon(tmp_path):
    for step in (2, 4):
        save(tmp_path, step)
    retain(tmp_path, 0, Keep(1, 0, None))
    until(lambda: not list(scratch_folder(tmp_path, 0).glob("removed-*")), lambda: True)


def test_a_removal_that_a_kill_cuts_off_leaves_no_checkpoint_and_the_next_attempt_ends_it(tmp_path, monkeypatch):
    for step in (2, 4):
        save(tmp_path, step)
    with monkeypatch.context() as killed:  # the process of a real kill would be this one
        killed.setattr(shutil, "rmtree", lambda *_, **__: None)
        retain(tmp_path, 0, Keep(1, 0, None))
    assert steps_in(tmp_path) == [4]
    assert list(scratch_folder(tmp_path, 0).rglob("model.safetensors"))
    clear_scratch(tmp_path, 1)
    assert not scratch_folder(tmp_path, 0).exists()


def test_a_discard_that_a_kill_cuts_off_leaves_an_invalid_checkpoint(tmp_path, monkeypatch):
    save(tmp_path, 2)

    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        discard_from(tmp_path, 0, 1)
    half = checkpoints_in(tmp_path)[0]
    assert (half.path / "model.safetensors").exists()
    assert fault_of(half) == "no marker (complete.json)"
