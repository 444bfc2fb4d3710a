"""Inputs are used only if they are the planned ones."""

from __future__ import annotations

import pytest

from campaign import SFT, solutions
from orrery_trainers.pod.failures import (
    DependencyDown,
    InvalidInput,
)
from programs import context_of
from stages import change_stage, finished_stage, seal, spoil, write_stage


def test_an_input_whose_bytes_have_changed_is_refused(tmp_path):
    key = finished_stage(tmp_path, "rewrite", {"solutions-00000.jsonl": solutions()})
    folder = write_stage(tmp_path, "sft", "sft", SFT, {"solutions": key})
    context = context_of(folder, "sft")
    assert len(list(context.input_records("solutions", "solutions.jsonl"))) == 8
    file = tmp_path / "stages" / key / "data" / "solutions-00000.jsonl"
    file.write_text(file.read_text().replace("say a", "say b"))
    with pytest.raises(InvalidInput, match=r"solutions-00000\.jsonl: sha256 differs"):
        list(context.input_records("solutions", "solutions.jsonl"))


def test_an_input_that_was_made_again_with_other_outputs_is_refused(tmp_path):
    key = finished_stage(tmp_path, "rewrite", {"solutions.jsonl": solutions()})
    folder = write_stage(tmp_path, "sft", "sft", SFT, {"solutions": key})
    anew = "f" * 64
    folder = change_stage(folder, lambda stage: stage["inputs"]["solutions"].update(digest=anew))
    with pytest.raises(
        InvalidInput,
        match=rf"input solutions: .*expected the result with digest {anew}, but its .*made again",
    ):
        context_of(folder, "sft").input_files("solutions", "solutions.jsonl")


def test_an_input_that_was_made_again_with_the_same_outputs_is_the_same_input(tmp_path):
    key = finished_stage(tmp_path, "rewrite", {"solutions.jsonl": solutions()})
    folder = write_stage(tmp_path, "sft", "sft", SFT, {"solutions": key})
    spoil(folder, lambda stage: stage["inputs"]["solutions"].update(checksum="f" * 64))
    assert len(context_of(folder, "sft").input_files("solutions", "solutions.jsonl")) == 1


@pytest.mark.parametrize("text", ["{torn", "[]", '{"files": []}', "[" * 100_000, '{"schemaVersion": 1e400}', ""])
def test_a_damaged_manifest_of_an_input_is_retried_because_the_worker_repairs_it(tmp_path, text):
    key = finished_stage(tmp_path, "rewrite", {"solutions.jsonl": solutions()})
    context = context_of(write_stage(tmp_path, "sft", "sft", SFT, {"solutions": key}), "sft")
    (tmp_path / "stages" / key / "manifest.json").write_text(text)
    with pytest.raises(DependencyDown, match=r"manifest\.json is damaged"):
        context.input_files("solutions", "solutions.jsonl")


def test_a_line_that_is_not_json_is_named_by_file_and_number(tmp_path):
    key = finished_stage(tmp_path, "rewrite", {"solutions.jsonl": solutions()})
    file = tmp_path / "stages" / key / "data" / "solutions.jsonl"
    file.write_text(file.read_text() + "{torn")

    seal(tmp_path / "stages" / key)
    context = context_of(write_stage(tmp_path, "sft", "sft", SFT, {"solutions": key}), "sft")
    with pytest.raises(InvalidInput, match=r"solutions.jsonl:9: expected JSON"):
        list(context.input_records("solutions", "solutions.jsonl"))


def test_an_input_without_a_manifest_is_a_dependency_that_is_down(tmp_path):
    key = finished_stage(tmp_path, "rewrite", {"solutions.jsonl": solutions()})
    context = context_of(write_stage(tmp_path, "sft", "sft", SFT, {"solutions": key}), "sft")
    (tmp_path / "stages" / key / "manifest.json").unlink()
    with pytest.raises(DependencyDown, match=r"manifest\.json"):
        context.input_files("solutions", "solutions.jsonl")
