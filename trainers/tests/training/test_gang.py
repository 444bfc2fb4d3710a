"""Two ranks that train one policy: they share a step, stop at the same step, and resume without a difference."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from campaign import checkpoints, rl_stage, sft_stage
from endurance import assert_equal_runs
from orrery_trainers.checkpoints.checkpoint import checkpoints_in
from orrery_trainers.pod.failures import InvalidInput
from orrery_trainers.training.capabilities import refuse_idle_gpus
from programs import run_here, until
from results import metric_lines, part, steps_told
from servers import free_port
from stages import RUN
from warm import Running, Warm

GANG = {**RUN, "ranks": 2}


def start_gang(warm: Warm, kind: str, folder: Path, attempt: int = 0) -> list[Running]:
    where = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    return [warm.start(kind, folder, attempt, RANK=str(rank), **where) for rank in (0, 1)]


def ended(ranks: list[Running]) -> list[int]:
    return [rank.wait() for rank in ranks]


def killed_together(ranks: list[Running]) -> None:
    """Kill all ranks like a power cut. They are stopped first, so that no rank sees another one end and fails."""
    for rank in ranks:
        rank.send(signal.SIGSTOP)
    for rank in ranks:
        rank.kill()


def told(folder: Path, attempt: int, step: int, ranks: list[Running]) -> None:
    until(lambda: steps_told(folder, attempt) >= step, lambda: all(rank.alive for rank in ranks))


def test_two_ranks_train_one_policy_and_rank_0_publishes_it(tmp_path, warm):
    folder, alone = sft_stage(tmp_path / "gang", run=GANG), sft_stage(tmp_path / "alone")
    assert ended(start_gang(warm, "sft", folder)) == [0, 0]
    assert run_here("sft", alone) == 0
    losses = [[line["loss"] for line in metric_lines(one)] for one in (folder, alone)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert part(folder)["counts"] == part(alone)["counts"]
    assert [file.name for file in (folder / "parts").iterdir()] == ["00000.json"]
    assert [file.name for file in (folder / "progress").iterdir()] == ["00000.json"]


@pytest.mark.parametrize(("kind", "stage"), [("sft", sft_stage), ("rl", rl_stage)])
def test_a_gang_killed_and_stopped_equals_the_undisturbed_one(tmp_path, warm, kind, stage):
    config = {"optimizerSteps": 12, "microBatchSize": 2, "checkpoints": checkpoints(2), "run": GANG}
    disturbed, undisturbed = stage(tmp_path / "a", **config), stage(tmp_path / "b", **config)
    ranks = start_gang(warm, kind, disturbed)
    told(disturbed, 0, 3, ranks)
    killed_together(ranks)
    assert {file.name for file in checkpoints_in(disturbed)[-1].path.glob("rng*")} == {
        "rng_state_0.pth",
        "rng_state_1.pth",
    }
    ranks = start_gang(warm, kind, disturbed, 1)
    told(disturbed, 1, 7, ranks)
    ranks[1].send(signal.SIGTERM)  # one of them alone: the other learns of it at the end of the step
    assert ended(ranks) == [143, 143]
    assert checkpoints_in(disturbed)[-1].step == steps_told(disturbed, 1)
    assert ended(start_gang(warm, kind, disturbed, 2)) == [0, 0]
    assert ended(start_gang(warm, kind, undisturbed)) == [0, 0]
    assert_equal_runs(disturbed, undisturbed)


def test_a_rank_that_sees_several_gpus_is_refused_before_it_trains():
    for visible in (0, 1):
        refuse_idle_gpus("rl", visible)
    with pytest.raises(InvalidInput, match=r"stages\.rl\.run\.resources\.gpus: expected 1, .* but got 8"):
        refuse_idle_gpus("rl", 8)
