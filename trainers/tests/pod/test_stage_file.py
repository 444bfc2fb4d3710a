"""Checks of the stage file and the environment, and their messages."""

from __future__ import annotations

import pytest

from campaign import PRETRAIN
from orrery_trainers.pod.failures import (
    DependencyDown,
    InvalidInput,
)
from programs import context_of
from stages import spoil, write_stage


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s["config"].update(batchSize=0), ["config.batchSize", "not below 1", "got 0"]),
        (lambda s: s["config"]["model"].update(layers="3"), ["config.model.layers", "integer", 'got "3"']),
        (lambda s: s["config"].pop("learningRate"), ["config.learningRate", "got nothing"]),
        (lambda s: s["config"].update(batchsize=4), ["config.batchsize", "misspelt"]),
        (lambda s: s.update(key="abc"), ["key", "abc"]),
        (lambda s: s["policy"].update(type="pretrained"), ["policy.uri", "policy.revision", "got nothing"]),
        (lambda s: s.update(kind="sft"), ["kind", "'pretrain'", '"sft"']),
    ],
)
def test_a_bad_stage_file_is_refused_with_the_field_what_was_expected_and_what_came(folder, change, words):
    spoil(folder, change)
    with pytest.raises(InvalidInput) as refused:
        context_of(folder)
    for word in [str(folder / "stage.json"), *words]:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda stage: stage.update(seed=8),
        lambda stage: stage["config"].update(learningRate=0.5),
        lambda stage: stage["config"]["run"].update(ranks=2),
        lambda stage: stage.update(key="f" * 64),
    ],
)
def test_a_stage_file_whose_content_does_not_match_its_key_is_refused(folder, change):
    spoil(folder, change)
    with pytest.raises(DependencyDown, match=r"stage\.json is damaged: its content has the key [0-9a-f]{64}"):
        context_of(folder)


def test_a_stage_file_in_the_folder_of_another_stage_is_refused(folder, tmp_path):
    other = write_stage(tmp_path, "pretrain", "pretrain", {**PRETRAIN, "learningRate": 0.5})
    (folder / "stage.json").write_text((other / "stage.json").read_text())
    with pytest.raises(InvalidInput, match=rf"ORRERY_STAGE_FILE: expected {other}/stage\.json, the folder of the"):
        context_of(folder)


def test_all_bad_fields_of_a_stage_file_are_reported_together(folder):
    spoil(folder, lambda s: s["config"].update(batchSize=0, optimizerSteps=0))
    with pytest.raises(InvalidInput, match=r"batchSize.*optimizerSteps"):
        context_of(folder)


def test_a_missing_stage_file_is_bad_input(folder):
    with pytest.raises(InvalidInput, match="ORRERY_STAGE_FILE"):
        context_of(folder, ORRERY_STAGE_FILE=str(folder / "none.json"))


def test_an_attempt_that_is_not_a_number_is_refused(folder):
    with pytest.raises(InvalidInput, match=r"ORRERY_ATTEMPT: expected a whole number not below 0, but got 'x'"):
        context_of(folder, ORRERY_ATTEMPT="x")
