"""Supervised fine-tuning: its data, the division of a step, and the state after a divergence."""

from __future__ import annotations

import pytest

from campaign import sft_stage, solutions
from orrery_trainers.checkpoints.checkpoint import checkpoints_in
from orrery_trainers.pod.failures import InvalidInput
from orrery_trainers.training.arguments import common_arguments
from orrery_trainers.training.batch import Batch, divide_batch
from orrery_trainers.training.seeds import order_of, seed_for
from orrery_trainers.training.sft import optimizer_steps
from programs import run_here
from results import metric_lines, part, steps_told


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


def test_seeds_differ_by_their_purpose():
    assert len({seed_for(1, "a"), seed_for(1, "b"), seed_for(2, "a"), seed_for("1a")}) == 4
    assert 0 <= seed_for(1, "a") < 2**31


def test_optimizer_steps_replace_epochs():
    assert optimizer_steps({"epochs": 1, "batchSize": 4}, 9) == 3
    assert optimizer_steps({"epochs": 0.5, "batchSize": 4}, 9) == 2
    assert optimizer_steps({"epochs": 1, "batchSize": 4, "optimizerSteps": 7}, 9) == 7


def test_a_smaller_micro_batch_trains_on_the_same_sequences(tmp_path):
    folders = [sft_stage(tmp_path / name) for name in ("whole", "half")]
    assert run_here("sft", folders[0]) == 0
    assert run_here("sft", folders[1], ORRERY_MICRO_BATCH_SCALE="0.5") == 0
    losses = [[line["loss"] for line in metric_lines(folder)] for folder in folders]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert part(folders[0])["counts"] == part(folders[1])["counts"]


def test_a_solution_that_does_not_fit_is_left_out_and_counted(tmp_path):
    long = {**solutions()[0], "text": " a" * 200}
    folder = sft_stage(tmp_path, [*solutions(), long])
    assert run_here("sft", folder) == 0
    counts = part(folder)["counts"]
    assert (counts["solutions"], counts["tooLong"]) == (8, 1)


def test_no_solutions_at_all_end_with_73_and_name_the_stages_to_look_at(tmp_path, capsys):
    assert run_here("sft", sft_stage(tmp_path, [])) == 73
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("solutions: expected at least one, but the stage rewrite kept none")
    assert str(tmp_path) not in message


def test_solutions_that_are_all_too_long_end_with_73_and_name_the_setting(tmp_path, capsys):
    long = [{**one, "text": " a" * 50} for one in solutions()]
    assert run_here("sft", sft_stage(tmp_path, long, maxTokens=16)) == 73
    assert "stages.sft.maxTokens: expected room for at least one of 8 solutions, but got 16" in capsys.readouterr().err


def test_a_loss_that_is_not_finite_ends_with_70_and_leaves_no_checkpoint(tmp_path, monkeypatch, capsys):
    # No stage file may ask for such a rate.
    exploding = {"learning_rate": 1e30}
    monkeypatch.setattr(
        "orrery_trainers.training.sft.common_arguments", lambda *given: common_arguments(*given) | exploding
    )
    folder = sft_stage(tmp_path, warmupSteps=0)
    assert run_here("sft", folder) == 70
    assert "optimizer step" in capsys.readouterr().err
    assert all(saved.step <= steps_told(folder, 0) for saved in checkpoints_in(folder))


def test_after_a_divergence_training_resumes_from_an_earlier_checkpoint(tmp_path):
    folder = sft_stage(tmp_path)
    assert run_here("sft", folder) == 0
    (folder / "parts" / "00000.json").unlink()
    assert [(saved.step, saved.attempt) for saved in checkpoints_in(folder)] == [(4, 0), (6, 0)]
    assert run_here("sft", folder, attempt=1, ORRERY_CHECKPOINT_BEFORE="6") == 0
    assert [line["attempt"] for line in metric_lines(folder)] == [0, 0, 0, 0, 1, 1]
