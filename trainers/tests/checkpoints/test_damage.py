"""Damage, zombies and a full disk under real trainers: the result equals that of an undisturbed run."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign import checkpoints, sft_stage
from endurance import assert_equal_runs, endure, killed_at
from orrery_trainers.checkpoints.checkpoint import MARKER, checkpoints_in
from orrery_trainers.checkpoints.integrity import fault_of
from orrery_trainers.checkpoints.resume import record_file
from programs import until
from results import metric_lines, steps_told, weights_hash
from saved import flip_bit


def newest(folder: Path) -> Path:
    return checkpoints_in(folder)[-1].path


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def test_one_run_with_its_newest_checkpoint_damaged_again_and_again_equals_the_undisturbed_one(tmp_path, warm):
    config = {"optimizerSteps": 30, "checkpoints": checkpoints(3)}
    disturbed, undisturbed = sft_stage(tmp_path / "a", **config), sft_stage(tmp_path / "b", **config)
    damage = [
        lambda path: truncate(path / "optimizer.pt"),
        lambda path: flip_bit(path / "model.safetensors"),
        lambda path: (path / MARKER).unlink(),
        lambda path: flip_bit(path / "rng_state.pth"),
    ]
    damaged: list[str] = []

    def killed_and_damaged(number: int):
        def fault(trainer, folder, attempt) -> None:
            killed_at(7 + 5 * number)(trainer, folder, attempt)
            damage[number](newest(folder))
            damaged.append(newest(folder).name)

        return fault

    endure(warm, "sft", disturbed, [killed_and_damaged(number) for number in range(4)])
    endure(warm, "sft", undisturbed, [])
    assert_equal_runs(disturbed, undisturbed)
    words = ["expected .* bytes", "model.safetensors: xxh3_128 differs", "no marker", "rng_state.pth: xxh3_128 differs"]
    for attempt, (name, reason) in enumerate(zip(damaged, words, strict=True), start=1):
        told = json.loads(record_file(disturbed, attempt).read_text())["passedOver"]
        assert [one["checkpoint"] for one in told] == [name]
        assert re.search(reason, told[0]["reason"])
        assert told[0]["reason"] in warm.log_of(disturbed, attempt).read_text()


def published(folder: Path) -> dict[str, str]:
    """Hash of everything that a stage publishes: checkpoints, outputs, parts.

    Progress is left out. A zombie that is stopped between its look at the claims and the rename of its report replaces
    the report when it wakes up. The report names its attempt, so nobody counts it (docs/architecture.md, Fences).
    """
    files = (file for name in ("checkpoints", "data", "parts") for file in (folder / name).rglob("*"))
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()}


def test_a_zombie_that_wakes_up_after_its_successor_is_done_writes_nothing(tmp_path, warm):
    folder = sft_stage(tmp_path, optimizerSteps=30, checkpoints=checkpoints(3))
    zombie = warm.start("sft", folder)
    until(lambda: steps_told(folder, 0) >= 7, lambda: zombie.alive)
    zombie.send(signal.SIGSTOP)
    successor = warm.start("sft", folder, 1)
    assert successor.wait() == 0, successor.log.read_text()
    before = published(folder)
    zombie.send(signal.SIGCONT)
    assert zombie.wait() == 75
    assert zombie.last_words == "attempt 1 has claimed the stage; attempt 0 writes nothing more"
    assert published(folder) == before


def test_a_zombie_that_wakes_up_while_its_successor_trains_changes_nothing_of_it(tmp_path, warm):
    config = {"optimizerSteps": 60, "checkpoints": checkpoints(3)}
    folder, undisturbed = sft_stage(tmp_path / "a", **config), sft_stage(tmp_path / "b", **config)
    zombie = warm.start("sft", folder)
    until(lambda: steps_told(folder, 0) >= 7, lambda: zombie.alive)
    zombie.send(signal.SIGSTOP)
    successor = warm.start("sft", folder, 1)
    until(lambda: steps_told(folder, 1) >= 15, lambda: successor.alive)
    zombie.send(signal.SIGCONT)
    assert (zombie.wait(), successor.wait()) == (75, 0)
    endure(warm, "sft", undisturbed, [])
    assert_equal_runs(folder, undisturbed)
    assert {one["attempt"] for one in metric_lines(folder)} == {0, 1}


def test_a_checkpoint_of_a_zombie_that_cannot_see_the_newer_claim_is_passed_over_and_reported(tmp_path, warm):
    """Over NFS a listing of claims/ may be some seconds old. Here the newer claim is hidden for as long."""
    config = {"optimizerSteps": 60, "checkpoints": checkpoints(3)}
    folder, undisturbed = sft_stage(tmp_path / "a", **config), sft_stage(tmp_path / "b", **config)
    zombie = warm.start("sft", folder)
    until(lambda: steps_told(folder, 0) >= 7, lambda: zombie.alive)
    zombie.send(signal.SIGSTOP)
    known = newest(folder)
    successor = warm.start("sft", folder, 1)
    until(lambda: record_file(folder, 1).exists(), lambda: successor.alive)
    successor.kill()
    ours = [one for one in checkpoints_in(folder) if one.attempt == 1]
    (folder / "claims" / "00001.json").rename(tmp_path / "hidden")
    zombie.send(signal.SIGCONT)
    step = max([known, *(one.path for one in ours)])
    until(lambda: newest(folder).name > step.name and newest(folder).name.endswith("-0"), lambda: zombie.alive)
    zombie.kill()
    late = newest(folder)
    (tmp_path / "hidden").rename(folder / "claims" / "00001.json")
    last = warm.start("sft", folder, 2)
    assert last.wait() == 0, last.log.read_text()
    told = {one["checkpoint"]: one["reason"] for one in json.loads(record_file(folder, 2).read_text())["passedOver"]}
    assert told[late.name].startswith("saved by attempt 0, which was given up: attempt 1 resumed from optimizer step")
    assert told[late.name] in last.log.read_text()
    endure(warm, "sft", undisturbed, [])
    assert_equal_runs(folder, undisturbed)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a disk that is full can be had by root on Linux only, who mounts a small one")
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "orrery-test", str(place)]
    if (mounted := subprocess.run(command, capture_output=True, text=True, check=False)).returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


LONG = {"optimizerSteps": 120, "checkpoints": checkpoints(20)}


@pytest.fixture(scope="module")
def weights_of_an_undisturbed_run(tmp_path_factory, warm) -> str:
    """Hash of the final weights."""
    folder = sft_stage(tmp_path_factory.mktemp("undisturbed"), **LONG)
    endure(warm, "sft", folder, [])
    return weights_hash(folder)


@pytest.mark.parametrize("room_bytes", [0, 40_000], ids=["to the last byte", "in the middle of a save"])
def test_a_full_disk_ends_with_69_keeps_the_old_checkpoint_and_training_resumes_when_space_is_free(
    small_disk, warm, room_bytes, weights_of_an_undisturbed_run
):
    folder = sft_stage(small_disk, **LONG)
    first = warm.start("sft", folder)
    until(lambda: len(checkpoints_in(folder)) > 0, lambda: first.alive)
    ballast = fill(small_disk, room_bytes)
    assert first.wait() == 69, first.log.read_text()
    assert "store" in first.last_words, first.last_words
    good = checkpoints_in(folder)[-1]
    assert fault_of(good) is None
    assert not any((folder / "checkpoints" / ".attempt-0").glob("*")), "what could not be saved still takes room"
    ballast.unlink()
    second = warm.start("sft", folder, 1)
    assert second.wait() == 0, second.log.read_text()
    assert json.loads(record_file(folder, 1).read_text())["step"] == good.step
    assert weights_hash(folder) == weights_of_an_undisturbed_run


def fill(disk: Path, room_bytes: int) -> Path:
    """Fill a disk except for some bytes; returns the file that fills it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        while (free := os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize) > room_bytes:
            try:
                stream.write(bytes(min(free - room_bytes, 1 << 16)))
            except OSError:
                break
    return ballast
