"""Checks of a trained policy before it is published."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, Trainer

from campaign import finished_policy, sft_stage
from orrery_trainers.pod.failures import Diverged
from orrery_trainers.training.soundness import Unsound, refuse_unsound
from programs import run_here


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    key = finished_policy(tmp_path)
    return tmp_path / "stages" / key / "data" / "policy"


def loaded(saved: Path):
    return AutoModelForCausalLM.from_pretrained(saved, dtype=torch.float32)


def change(saved: Path, change) -> None:
    """Change the weights in the file."""
    weights = load_file(saved / "model.safetensors")
    change(weights)
    save_file(weights, saved / "model.safetensors", metadata={"format": "pt"})


def test_a_sound_policy_passes_and_is_unchanged(saved):
    model = loaded(saved).train()
    refuse_unsound(model, saved)
    assert model.training


def test_a_weight_that_is_not_finite_is_a_divergence_and_is_named(saved):
    model = loaded(saved)
    model.get_parameter("model.norm.weight").data[3] = float("inf")
    with pytest.raises(Diverged, match=r"model\.norm\.weight contains values that are not finite"):
        refuse_unsound(model, saved)


def test_finite_weights_with_logits_that_are_not_finite_are_a_divergence(saved):
    model = loaded(saved)
    change(
        saved,
        lambda weights: (weights["model.norm.weight"].fill_(3e38), weights["model.embed_tokens.weight"].mul_(1e4)),
    )
    with pytest.raises(Diverged, match="logits are not finite"):
        refuse_unsound(model, saved)


def test_a_missing_weight_or_another_shape_is_reported(saved):
    model = loaded(saved)
    change(saved, lambda weights: weights.update({"model.norm.weight": torch.zeros(3)}))
    with pytest.raises(Unsound, match=r"expected model\.norm\.weight of shape \[16\], but got \[3\]"):
        refuse_unsound(model, saved)
    change(saved, lambda weights: weights.pop("model.norm.weight"))
    with pytest.raises(Unsound, match=r"model\.norm\.weight is missing"):
        refuse_unsound(model, saved)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_with_a_missing_or_truncated_file_is_not_published(saved, tmp_path, name):
    model = loaded(saved)
    for spoil in (lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]), Path.unlink):
        folder = tmp_path / "spoilt"
        shutil.copytree(saved, folder, dirs_exist_ok=True)
        spoil(folder / name)
        with pytest.raises(Exception):  # noqa: B017 - whatever the library that reads it raises
            refuse_unsound(model, folder)


def test_training_that_ends_in_weights_that_are_not_finite_ends_with_70_and_publishes_nothing(
    tmp_path, monkeypatch, capsys
):
    save = Trainer.save_model

    def last_step_too_large(trainer, folder, *arguments, **named):
        if ".policy." in folder:  # not of a checkpoint
            next(trainer.model.parameters()).data.fill_(float("nan"))
        save(trainer, folder, *arguments, **named)

    folder = sft_stage(tmp_path)
    monkeypatch.setattr(Trainer, "save_model", last_step_too_large)
    assert run_here("sft", folder) == 70
    assert "contains values that are not finite" in capsys.readouterr().err.splitlines()[-1]
    assert not (folder / "parts").exists()
    assert not (folder / "data" / "policy").exists()
