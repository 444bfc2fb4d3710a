"""Progress: the units at the start, the finished units, the saving time. A failed report does no harm."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from campaign import PRETRAIN, checkpoints, sft_stage
from orrery_trainers.pod import progress
from orrery_trainers.pod.context import StageContext
from orrery_trainers.pod.failures import Fenced
from programs import environment, run_here
from stages import claim, write_stage

UNIT = "optimizer step"


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    folder = write_stage(tmp_path, "pretrain", "pretrain", PRETRAIN)
    return StageContext.from_environment("pretrain", environment(folder))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, as a list with one number. Only the test changes it."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def told(context: StageContext) -> dict:
    return json.loads((context.directory / "progress" / "00000.json").read_text())


def test_the_first_report_has_the_units_of_earlier_attempts_and_the_time_after_loading(context, clock):
    context.progress.report(UNIT, 40, 100)
    first = told(context)
    clock[0] += 10
    context.progress.report(UNIT, 45, 100, {"loss": 0.5})
    later = told(context)
    assert (first["done"], first["from"], first["rate"]) == (40, 40, None)
    assert (later["done"], later["from"], later["rate"]) == (45, 40, 0.5)
    assert later["beganAt"] == first["beganAt"]
    assert later["beganAt"].endswith("Z")


def test_saving_time_adds_up_and_does_not_change_done(context, clock):
    context.progress.report(UNIT, 5, 100, {"loss": 0.5})
    context.progress.add_saving_time(1.5)
    context.progress.add_saving_time(0.25)
    assert told(context)["savingSeconds"] == 1.75
    assert (told(context)["done"], told(context)["metrics"]) == (5, {"loss": 0.5})


def test_a_save_reports_the_steps_that_came_too_fast_for_a_write(context, clock):
    context.progress.report(UNIT, 1, 100)
    context.progress.report(UNIT, 2, 100)
    assert told(context)["done"] == 1
    context.progress.add_saving_time(0.1)
    assert told(context)["done"] == 2


def test_progress_contains_no_number_that_json_cannot_represent(context):
    context.progress.report(UNIT, 10, 10, {"loss": 0.5, "reward": float("nan"), "note": None})
    assert told(context)["metrics"] == {"loss": 0.5}
    assert [file.name for file in (context.directory / "progress").iterdir()] == ["00000.json"]


def test_progress_is_written_at_most_four_times_a_second_and_at_the_end(context, clock):
    context.progress.report(UNIT, 0, 10)
    clock[0] += 0.2
    context.progress.report(UNIT, 1, 10)
    assert told(context)["done"] == 0
    clock[0] += 0.1
    context.progress.report(UNIT, 2, 10)
    assert told(context)["done"] == 2
    context.progress.report(UNIT, 10, 10)
    assert told(context)["done"] == 10


def test_a_slow_store_gets_fewer_writes_of_progress(context, clock, monkeypatch):
    written = []

    def write(file, value, **_) -> None:
        clock[0] += 2  # seconds that an operation of the store takes
        written.append(value["done"])

    monkeypatch.setattr(progress, "write_json", write)
    for done in range(1, 101):
        clock[0] += 1  # the optimizer step itself
        context.progress.report(UNIT, done, 1000)
    # 100 s of steps and 2 s a write: a twentieth of the time is for writing.
    assert written == [1, 39, 77]


def test_a_failed_write_of_progress_does_not_stop_the_program(context, monkeypatch, capsys):
    def write(*_, **__) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(progress, "write_json", write)
    context.progress.report(UNIT, 1, 10)
    assert "progress could not be written" in capsys.readouterr().out


def test_an_abandoned_attempt_learns_of_it_when_it_reports_progress(context):
    context.progress.report(UNIT, 1, 10)
    claim(context.directory, 1)
    with pytest.raises(Fenced):
        context.progress.report(UNIT, 10, 10)
    assert told(context)["done"] == 1


def test_done_grows_with_optimizer_steps_and_with_nothing_else(tmp_path, monkeypatch):
    """Loading, saving and publishing do not change `done`. Otherwise a hang could look like work."""
    told, write = [], progress.write_json

    def remember(file, value, **how) -> None:
        told.append(value)
        write(file, value, **how)

    monkeypatch.setattr(progress, "write_json", remember)
    monkeypatch.setattr(progress, "MIN_WRITE_INTERVAL_SECONDS", 0)
    monkeypatch.setattr(progress, "MAX_TIME_SHARE", 1)
    folder = sft_stage(tmp_path, optimizerSteps=6, checkpoints=checkpoints(4))
    assert run_here("sft", folder) == 0
    assert [one["done"] for one in told] == [0, 1, 2, 3, 4, 4, 5, 6, 6]  # once more after a save
    stood_still = [one["savingSeconds"] for one in told]
    assert stood_still[:5] == [0] * 5
    assert 0 < stood_still[5] < stood_still[-1]
    assert {one["from"] for one in told} == {0}
    (folder / "parts" / "00000.json").unlink()
    told.clear()
    assert run_here("sft", folder, 1) == 0
    assert [(one["done"], one["from"], one["savingSeconds"]) for one in told] == [(6, 6, 0)]
