"""Supervised fine-tuning: what it trains on, that a kill changes nothing, that it stops when asked to."""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from campaign import (
    SFT,
    finished_policy,
    finished_stage,
    kill_after,
    metric_lines,
    part,
    run_here,
    solutions,
    start,
    weights_hash,
    write_stage,
)
from orrery_trainers.checkpoints import checkpoints_folder, newest_complete
from orrery_trainers.failures import InvalidInput
from orrery_trainers.sft import optimizer_steps
from orrery_trainers.training import Batch, divide_batch, order_of, seed_for


def stage(store: Path, records=None, **changes) -> Path:
    policy = finished_policy(store)
    key = finished_stage(store, "rewrite", {"solutions-00000.jsonl": solutions() if records is None else records})
    return write_stage(store, "sft", "sft", {**SFT, **changes}, {"policy": policy, "solutions": key})


@pytest.mark.parametrize(
    ("sequences", "ranks", "micro", "scale", "expected"),
    [
        (16, 1, 4, 1.0, Batch(4, 4)),
        (16, 2, 4, 1.0, Batch(4, 2)),
        (16, 1, 4, 0.5, Batch(2, 8)),
        (12, 1, 8, 1.0, Batch(6, 2)),
        (16, 1, 1, 0.5, Batch(1, 16)),
    ],
)
def test_a_step_has_the_same_sequences_however_it_is_divided(sequences, ranks, micro, scale, expected):
    batch = divide_batch(sequences, ranks, micro, scale)
    assert batch == expected
    assert batch.per_rank * batch.accumulation * ranks == sequences


def test_ranks_that_cannot_share_a_step_are_refused():
    with pytest.raises(InvalidInput, match="multiple of the ranks, but got 16 and 3"):
        divide_batch(16, 3, 1)


def test_every_row_comes_once_a_pass_and_equal_seeds_give_equal_orders():
    order = order_of(5, 12, seed=1)
    assert sorted(order[:5]) == sorted(order[5:10]) == [0, 1, 2, 3, 4]
    assert len(order) == 12
    assert order == order_of(5, 12, seed=1)
    assert order != order_of(5, 12, seed=2)
    assert order_of(5, 7, seed=1) == order[:7]


def test_seeds_differ_by_what_they_are_for():
    assert len({seed_for(1, "a"), seed_for(1, "b"), seed_for(2, "a"), seed_for("1a")}) == 4
    assert 0 <= seed_for(1, "a") < 2**31


def test_optimizer_steps_take_the_place_of_epochs():
    assert optimizer_steps({"epochs": 1, "batchSize": 4}, 9) == 3
    assert optimizer_steps({"epochs": 0.5, "batchSize": 4}, 9) == 2
    assert optimizer_steps({"epochs": 1, "batchSize": 4, "optimizerSteps": 7}, 9) == 7


def test_a_run_killed_at_a_random_step_and_resumed_equals_the_undisturbed_run(tmp_path):
    config = {"optimizerSteps": 60, "checkpoints": {"everySteps": 5, "keep": 2}}
    disturbed, undisturbed = stage(tmp_path / "a", **config), stage(tmp_path / "b", **config)
    kill_after(start("sft", disturbed), disturbed, steps=random.randint(6, 25))
    assert not (disturbed / "parts").exists()
    assert run_here("sft", disturbed, attempt=1) == 0
    assert run_here("sft", undisturbed) == 0
    assert weights_hash(disturbed) == weights_hash(undisturbed)
    curves = [metric_lines(folder) for folder in (disturbed, undisturbed)]
    assert [line["optimizerStep"] for line in curves[0]] == list(range(1, 61))
    assert [line["loss"] for line in curves[0]] == [line["loss"] for line in curves[1]]
    assert {line["attempt"] for line in curves[0]} == {0, 1}
    assert part(disturbed)["counts"] == part(undisturbed)["counts"]


def test_sigterm_saves_stops_with_143_and_the_next_attempt_goes_on_there(tmp_path):
    config = {"optimizerSteps": 400, "checkpoints": {"everySteps": 1000, "keep": 2}}
    folder = stage(tmp_path, **config)
    threading.Thread(target=terminate_after, args=(folder, 5), daemon=True).start()
    assert run_here("sft", folder) == 143
    saved, _ = newest_complete(folder)
    assert 5 <= saved.step < 400
    assert not (folder / "parts").exists()
    assert run_here("sft", folder, attempt=1) == 0
    assert [line["optimizerStep"] for line in metric_lines(folder)] == list(range(1, 401))


def terminate_after(folder: Path, steps: int) -> None:
    file = folder / "data" / "metrics.jsonl"
    for _ in range(10_000):
        if file.exists() and len(file.read_text().splitlines()) >= steps:
            os.kill(os.getpid(), signal.SIGTERM)
            return
        time.sleep(0.002)


def test_a_smaller_micro_batch_trains_on_the_same_sequences(tmp_path):
    folders = [stage(tmp_path / name) for name in ("whole", "half")]
    assert run_here("sft", folders[0]) == 0
    assert run_here("sft", folders[1], ORRERY_MICRO_BATCH_SCALE="0.5") == 0
    losses = [[line["loss"] for line in metric_lines(folder)] for folder in folders]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert part(folders[0])["counts"] == part(folders[1])["counts"]


def test_a_solution_that_does_not_fit_is_left_out_and_counted(tmp_path):
    long = {**solutions()[0], "text": " a" * 200}
    folder = stage(tmp_path, [*solutions(), long])
    assert run_here("sft", folder) == 0
    counts = part(folder)["counts"]
    assert (counts["solutions"], counts["tooLong"]) == (8, 1)


def test_no_solutions_at_all_are_bad_input(tmp_path, capsys):
    assert run_here("sft", stage(tmp_path, [])) == 65
    assert "expected solutions, but got none" in capsys.readouterr().err


def test_a_loss_that_is_no_number_ends_with_70_and_leaves_no_checkpoint_of_it(tmp_path, capsys):
    folder = stage(tmp_path, learningRate=1e30, warmupSteps=0)
    assert run_here("sft", folder) == 70
    assert "optimizer step" in capsys.readouterr().err
    found, _ = newest_complete(folder)
    finite = len(metric_lines(folder))
    assert found is None or found.step <= finite


def test_after_a_divergence_training_goes_on_from_an_earlier_checkpoint(tmp_path):
    folder = stage(tmp_path)
    assert run_here("sft", folder) == 0
    (folder / "parts" / "00000.json").unlink()
    assert {path.name for path in checkpoints_folder(folder).iterdir()} == {"step-00000004", "step-00000006"}
    assert run_here("sft", folder, attempt=1, ORRERY_CHECKPOINT_BEFORE="6") == 0
    assert [line["attempt"] for line in metric_lines(folder)] == [0, 0, 0, 0, 1, 1]


@pytest.mark.slow  # two more processes import torch and TRL
def test_two_ranks_train_one_policy_and_rank_0_publishes_it(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = {"shards": 1, "ranks": 2, "resources": {"cpus": 1, "gpus": 0}, "stallTimeoutSeconds": 60, "graceSeconds": 10}
    folder = stage(tmp_path / "gang", run={**run, "failureBudgets": {}})
    gang = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    ranks = [start("sft", folder, RANK=str(rank), **gang) for rank in (0, 1)]
    try:
        outputs = [rank.communicate(timeout=300) for rank in ranks]
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0, 0], outputs
    alone = stage(tmp_path / "alone")
    assert run_here("sft", alone) == 0
    losses = [[line["loss"] for line in metric_lines(one)] for one in (folder, alone)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert [file.name for file in (folder / "parts").iterdir()] == ["00000.json"]
    assert [file.name for file in (folder / "progress").iterdir()] == ["00000.json"]
