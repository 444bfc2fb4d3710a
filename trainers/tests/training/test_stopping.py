"""SIGTERM: when it interrupts and when it waits. A program always stops within its grace period."""

from __future__ import annotations

import itertools
import json
import os
import signal
from pathlib import Path

import pytest

from campaign import PRETRAIN, checkpoints, rl_stage, sft_stage
from endurance import assert_equal_runs
from orrery_trainers.checkpoints.checkpoint import checkpoints_in, scratch_folder
from orrery_trainers.checkpoints.integrity import fault_of
from orrery_trainers.pod.stopping import Interrupted, Stop
from orrery_trainers.verdicts.verifier import Verifier
from programs import run_here, start, until
from results import steps_told
from stages import change_stage, ref_to, seal


def test_an_allowed_signal_interrupts_once():
    stop = Stop()
    stop.allow_interrupt()
    with pytest.raises(Interrupted):
        stop.on_signal(signal.SIGTERM, None)
    stop.on_signal(signal.SIGTERM, None)  # while what was interrupted is being saved
    assert stop.requested


def test_a_deferred_signal_interrupts_when_it_is_allowed_again():
    stop = Stop()
    stop.allow_interrupt()
    stop.defer_interrupt()
    stop.on_signal(signal.SIGTERM, None)
    assert stop.requested
    with pytest.raises(Interrupted):
        stop.allow_interrupt()


def test_interrupted_code_does_not_catch_the_interruption_as_an_exception():
    stop = Stop()
    stop.allow_interrupt()
    with pytest.raises(Interrupted):
        try:
            stop.on_signal()
        except Exception:
            pytest.fail("a library that catches every error would have gone on")


def test_sigterm_during_loading_ends_a_program_at_once(tmp_path):
    folder = sft_stage(tmp_path)
    program = start("sft", folder)
    assert "stage program started" in program.stdout.readline()
    program.send_signal(signal.SIGTERM)  # torch, transformers and TRL are still to be imported
    output, errors = program.communicate(timeout=240)
    assert program.returncode == 143
    assert errors.splitlines()[-1] == "SIGTERM: stopped before the first optimizer step; there was nothing to save"
    assert "training starts from the beginning" not in output
    assert not (folder / "checkpoints").exists()


def test_sigterm_during_a_save_ends_with_that_checkpoint(tmp_path, warm):
    folder = sft_stage(tmp_path, optimizerSteps=40, checkpoints=checkpoints(7))
    folder = large_policy(folder)
    trainer = warm.start("sft", folder)
    until(lambda: any(scratch_folder(folder, 0).glob("checkpoint-7/optimizer.pt")), lambda: trainer.alive)
    trainer.send(signal.SIGTERM)
    assert trainer.wait() == 143, trainer.log.read_text()
    assert trainer.last_words == "SIGTERM: stopped and saved at optimizer step 7 of 40"
    [saved] = checkpoints_in(folder)
    assert (saved.step, fault_of(saved), steps_told(folder, 0)) == (7, None, 7)


def test_sigterm_during_a_long_rollout_abandons_the_step_and_ends_the_program(tmp_path, warm):
    """The policy never ends a completion, and 30,000 tokens for each of 8 take hours on a CPU."""
    folder = rl_stage(tmp_path, maxCompletionTokens=30_000)
    folder = endless_policy(folder, context_tokens=30_100)
    trainer = warm.start("rl", folder)
    until(lambda: (folder / "progress" / "00000.json").exists(), lambda: trainer.alive)
    trainer.send(signal.SIGTERM)
    assert trainer.wait() == 143, trainer.log.read_text()
    assert trainer.last_words == "SIGTERM: stopped and saved at optimizer step 0 of 4"
    assert checkpoints_in(folder) == []


@pytest.mark.parametrize("where", ["verdicts", "gradients"])
def test_an_abandoned_step_changes_nothing(tmp_path, monkeypatch, where):
    """The signal comes in the third step: after its rollouts, or after the forward pass of its second micro-batch, when
    random numbers have been drawn and tokens counted."""
    config = {"optimizerSteps": 6, "checkpoints": checkpoints(100)}
    disturbed, undisturbed = rl_stage(tmp_path / "a", **config), rl_stage(tmp_path / "b", **config)
    assert run_here("rl", undisturbed) == 0
    from trl import GRPOTrainer

    kind, name, call = {"verdicts": (Verifier, "verify_batch", 4), "gradients": (GRPOTrainer, "compute_loss", 6)}[where]
    interrupt_at(monkeypatch, kind, name, call)
    assert run_here("rl", disturbed) == 143
    assert [saved.step for saved in checkpoints_in(disturbed)] == [2]
    monkeypatch.undo()
    assert run_here("rl", disturbed, 1) == 0
    assert_equal_runs(disturbed, undisturbed)


def interrupt_at(monkeypatch, kind: type, name: str, call: int) -> None:
    """Send this process a SIGTERM at the end of the ``call``-th call of a method."""
    method, calls = getattr(kind, name), itertools.count(1)

    def interrupted(*values, **named):
        result = method(*values, **named)
        if next(calls) == call:
            os.kill(os.getpid(), signal.SIGTERM)
        return result

    monkeypatch.setattr(kind, name, interrupted)


def large_policy(folder: Path) -> Path:
    """Give a stage a policy that takes some time to save. Returns the new folder of the stage."""
    return _replace_policy(folder, {**PRETRAIN["model"], "hiddenSize": 256, "layers": 3}, lambda model: None)


def endless_policy(folder: Path, context_tokens: int) -> Path:
    """Give a stage a policy that never says that it is done: of all tokens the last one has the least probability.

    Returns its folder, which is another then.
    """

    def change(model) -> None:
        import torch

        embedding, end = model.model.embed_tokens.weight, model.config.eos_token_id
        with torch.no_grad():
            embedding[:, 0], embedding[end, 0] = 1.0, -1.0
            model.model.norm.weight[0] = 20.0

    return _replace_policy(folder, {**PRETRAIN["model"], "contextTokens": context_tokens}, change)


def _replace_policy(folder: Path, shape: dict, change) -> Path:
    import domain

    from orrery_trainers.models.tokenizer import build_tokenizer
    from orrery_trainers.training.pretrain import build_model

    tokenizer = build_tokenizer(domain.vocabulary({}), shape["contextTokens"])
    model = build_model(shape, tokenizer)
    change(model)
    planned = json.loads((folder / "stage.json").read_text())
    stage = folder.parent / planned["inputs"]["policy"]["key"]
    model.save_pretrained(stage / "data" / "policy")
    tokenizer.save_pretrained(stage / "data" / "policy")
    seal(stage)
    return change_stage(folder, lambda stage_file: stage_file["inputs"].update(policy=ref_to(stage)))
