"""Resuming: skipped checkpoints and the reasons, files of a zombie, and the record."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from campaign import PRETRAIN
from orrery_trainers.checkpoints.checkpoint import checkpoints_in
from orrery_trainers.checkpoints.resume import choose_checkpoint, record_file, resume_point
from orrery_trainers.pod.context import StageContext
from orrery_trainers.pod.failures import DependencyDown, Fenced
from programs import environment
from saved import DAMAGE, flip_bit, save
from stages import claim, write_stage


@pytest.fixture
def stage(tmp_path: Path) -> Path:
    return write_stage(tmp_path, "pretrain", "pretrain", PRETRAIN)


def attempt_of(stage: Path, attempt: int, **more: str) -> StageContext:
    """An attempt that has claimed the stage."""
    claim(stage, attempt)
    return StageContext.from_environment("pretrain", environment(stage, attempt, **more))


def record(stage: Path, attempt: int) -> dict:
    return json.loads(record_file(stage, attempt).read_text())


def test_without_a_checkpoint_training_starts_from_the_beginning(stage, capsys):
    assert resume_point(attempt_of(stage, 0)) is None
    assert "training starts from the beginning" in capsys.readouterr().out
    assert (record(stage, 0)["step"], record(stage, 0)["checkpoint"]) == (0, None)


@pytest.mark.parametrize("fault", DAMAGE)
def test_a_damaged_checkpoint_is_passed_over_for_the_previous_one_and_reported(stage, capsys, fault):
    save(stage, 2)
    DAMAGE[fault](save(stage, 4))
    assert resume_point(attempt_of(stage, 1)).step == 2
    log = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = next(line for line in log if line["msg"] == "checkpoint passed over")
    assert (told["checkpoint"], told["reason"], told["level"]) == ("step-00000004-attempt-0", fault, 40)
    assert record(stage, 1)["passedOver"] == [
        {"checkpoint": "step-00000004-attempt-0", "reason": fault, "damaged": True}
    ]


def test_a_valid_checkpoint_of_a_zombie_is_passed_over(stage, capsys):
    save(stage, 2)
    assert resume_point(attempt_of(stage, 1)).step == 2
    save(stage, 4, attempt=0)  # published by attempt 0 after attempt 1 had gone on without it
    found = resume_point(attempt_of(stage, 2))
    assert (found.step, found.attempt) == (2, 0)
    reason = "saved by attempt 0, which was given up: attempt 1 resumed from optimizer step 2"
    assert record(stage, 2)["passedOver"] == [
        {"checkpoint": "step-00000004-attempt-0", "reason": reason, "damaged": False}
    ]
    assert reason in capsys.readouterr().out


def test_abandoned_checkpoints_stay_abandoned_over_many_attempts(stage):
    save(stage, 2)
    resume_point(attempt_of(stage, 1))
    for step in (4, 6):
        save(stage, step, attempt=1)
    resume_point(attempt_of(stage, 2))
    save(stage, 8, attempt=1)  # a zombie's
    save(stage, 10, attempt=0)  # another's
    assert (found := choose_checkpoint(stage, 3)[0]) is not None
    assert (found.step, found.attempt) == (6, 1)


def test_of_one_step_saved_by_two_attempts_the_later_ones_is_taken(stage):
    save(stage, 2)
    resume_point(attempt_of(stage, 1))
    save(stage, 4, attempt=1)
    save(stage, 4, attempt=0)
    assert choose_checkpoint(stage, 2)[0].attempt == 1


def test_a_checkpoint_of_a_later_attempt_means_that_this_one_has_been_given_up(stage):
    save(stage, 4, attempt=2)
    with pytest.raises(Fenced, match="attempt 2 has saved checkpoints; attempt 1 writes nothing more"):
        resume_point(attempt_of(stage, 1))


def test_a_later_claim_ends_an_attempt_before_it_touches_anything(stage):
    context = attempt_of(stage, 0)
    claim(stage, 1)
    scratch = stage / "checkpoints" / ".attempt-0"
    scratch.mkdir(parents=True)
    with pytest.raises(Fenced):
        resume_point(context)
    assert scratch.exists()
    assert not record_file(stage, 0).exists()


def test_a_store_without_this_attempts_claim_is_another_store(stage):
    context = attempt_of(stage, 0)
    shutil.rmtree(stage / "claims")
    with pytest.raises(DependencyDown, match="expected the claim of attempt 0, but it is not there"):
        resume_point(context)


def test_after_a_divergence_later_checkpoints_are_gone_for_good(stage):
    for step in (2, 4, 6):
        save(stage, step)
    assert resume_point(attempt_of(stage, 1, ORRERY_CHECKPOINT_BEFORE="4")).step == 2
    assert [one.step for one in checkpoints_in(stage)] == [2]
    save(stage, 6, attempt=0)  # the diverged attempt was not quite dead
    assert resume_point(attempt_of(stage, 2)).step == 2


def test_an_attempt_that_is_started_twice_resumes_from_its_own_checkpoint(stage):
    save(stage, 2)
    save(stage, 4)
    flags = {"ORRERY_CHECKPOINT_BEFORE": "4"}
    resume_point(attempt_of(stage, 1, **flags))
    save(stage, 6, attempt=1)
    assert resume_point(attempt_of(stage, 1, **flags)).step == 6
    assert record(stage, 1)["step"] == 2
    flip_bit(next((stage / "checkpoints").glob("step-00000006-*")) / "model.safetensors")
    assert resume_point(attempt_of(stage, 1, **flags)).step == 2


def test_a_damaged_record_abandons_no_checkpoint(stage):
    save(stage, 2)
    resume_point(attempt_of(stage, 1))
    record_file(stage, 1).write_text('{"attempt": 1,')
    save(stage, 4, attempt=1)
    assert resume_point(attempt_of(stage, 2)).step == 4
