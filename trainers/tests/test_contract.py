"""The pod contract: what is refused at the door, what is told, what is published, with which code a program ends."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from campaign import (
    PRETRAIN,
    SFT,
    change_stage,
    claim,
    environment,
    finished_stage,
    part,
    run_here,
    solutions,
    write_stage,
)
from orrery_trainers import contract
from orrery_trainers.contract import StageContext, exit_code_of
from orrery_trainers.failures import (
    DependencyDown,
    Diverged,
    Fenced,
    InvalidInput,
    NodeFailure,
    NoEffect,
    OutOfMemory,
    failure_of,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_stage(tmp_path, "pretrain", "pretrain", PRETRAIN)


def context_of(folder: Path, kind: str = "pretrain", **more: str) -> StageContext:
    return StageContext.from_environment(kind, environment(folder, **more))


def spoil(folder: Path, change) -> None:
    stage = json.loads((folder / "stage.json").read_text())
    change(stage)
    (folder / "stage.json").write_text(json.dumps(stage))


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
def test_a_stage_file_that_says_other_things_than_its_key_is_refused(folder, change):
    spoil(folder, change)
    with pytest.raises(DependencyDown, match=r"stage\.json does not hold: what it says makes the key [0-9a-f]{64}"):
        context_of(folder)


def test_a_stage_file_in_the_folder_of_another_stage_is_refused(folder, tmp_path):
    other = write_stage(tmp_path, "pretrain", "pretrain", {**PRETRAIN, "learningRate": 0.5})
    (folder / "stage.json").write_text((other / "stage.json").read_text())
    with pytest.raises(InvalidInput, match=rf"ORRERY_STAGE_FILE: expected {other}/stage\.json, the folder of the"):
        context_of(folder)


def test_every_bad_field_of_a_stage_file_is_told_at_once(folder):
    spoil(folder, lambda s: s["config"].update(batchSize=0, optimizerSteps=0))
    with pytest.raises(InvalidInput, match=r"batchSize.*optimizerSteps"):
        context_of(folder)


def test_a_stage_file_that_is_not_there_is_bad_input(folder):
    with pytest.raises(InvalidInput, match="ORRERY_STAGE_FILE"):
        context_of(folder, ORRERY_STAGE_FILE=str(folder / "none.json"))


def test_an_attempt_that_is_no_number_is_refused(folder):
    with pytest.raises(InvalidInput, match=r"ORRERY_ATTEMPT: expected a whole number not below 0, but got 'x'"):
        context_of(folder, ORRERY_ATTEMPT="x")


def test_a_later_claim_fences_an_earlier_attempt_off(folder):
    context = context_of(folder)
    context.fence()
    claim(folder, 1)
    (folder / "data").mkdir()
    (folder / "data" / "x").write_text("x")
    with pytest.raises(Fenced):
        context.publish([folder / "data" / "x"], {})
    assert not (folder / "parts").exists()
    assert Fenced.exit_code == 75


def test_a_part_names_its_files_with_their_hashes(folder):
    context = context_of(folder)
    (folder / "data").mkdir()
    (folder / "data" / "x").write_text("abc")
    context.publish([folder / "data" / "x"], {"optimizerSteps": 1})
    published = part(folder)
    assert published["files"] == [
        {
            "path": "data/x",
            "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "bytes": 3,
        }
    ]
    assert (published["part"], published["attempt"], published["counts"]) == (0, 0, {"optimizerSteps": 1})


def test_a_part_that_is_already_published_ends_with_0_and_does_no_work(folder, capsys):
    context_of(folder).publish([], {})
    assert run_here("pretrain", folder) == 0
    assert "already published" in capsys.readouterr().out


def test_a_part_whose_files_are_not_what_it_says_counts_for_nothing(folder, capsys):
    context = context_of(folder)
    (folder / "data").mkdir()
    (folder / "data" / "x").write_text("abc")
    context.publish([folder / "data" / "x"], {})
    assert context.is_published()
    (folder / "data" / "x").write_text("abd")
    assert not context.is_published()
    assert "data/x: sha256 differs" in capsys.readouterr().out
    context.part_file.write_text("{torn")
    assert not context.is_published()


def test_an_input_whose_bytes_have_changed_is_refused(tmp_path):
    key = finished_stage(tmp_path, "rewrite", {"solutions-00000.jsonl": solutions()})
    folder = write_stage(tmp_path, "sft", "sft", SFT, {"solutions": key})
    context = context_of(folder, "sft")
    assert len(list(context.input_records("solutions", "solutions.jsonl"))) == 8
    file = tmp_path / "stages" / key / "data" / "solutions-00000.jsonl"
    file.write_text(file.read_text().replace("say a", "say b"))
    with pytest.raises(InvalidInput, match=r"solutions-00000\.jsonl: sha256 differs"):
        list(context.input_records("solutions", "solutions.jsonl"))


def test_an_input_that_was_made_anew_after_planning_is_refused(tmp_path):
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
def test_an_input_whose_manifest_is_damaged_is_waited_for_because_the_worker_mends_it(tmp_path, text):
    key = finished_stage(tmp_path, "rewrite", {"solutions.jsonl": solutions()})
    context = context_of(write_stage(tmp_path, "sft", "sft", SFT, {"solutions": key}), "sft")
    (tmp_path / "stages" / key / "manifest.json").write_text(text)
    with pytest.raises(DependencyDown, match=r"manifest\.json does not hold"):
        context.input_files("solutions", "solutions.jsonl")


def test_a_line_that_is_no_json_is_named_by_file_and_number(tmp_path):
    key = finished_stage(tmp_path, "rewrite", {"solutions.jsonl": solutions()})
    file = tmp_path / "stages" / key / "data" / "solutions.jsonl"
    file.write_text(file.read_text() + "{torn")
    from campaign import seal

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


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidInput("bad"), 65),
        (DependencyDown("down"), 69),
        (Diverged("nan"), 70),
        (OutOfMemory("full"), 71),
        (MemoryError(), 71),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory"), 71),
        (RuntimeError("[gloo/transport/tcp/pair.cc:525] Connection closed by peer"), 72),
        (OSError(errno.ENOSPC, "No space left on device"), 69),
        (OSError(errno.ESTALE, "Stale file handle"), 69),
        (OSError(errno.EROFS, "Read-only file system"), 69),
        (OSError(errno.EIO, "Input/output error"), 69),
        (RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"), 69),
        (RuntimeError("[enforce fail at inline_container.cc:671] . unexpected pos 576 vs 534"), 69),
        (PermissionError(errno.EACCES, "Permission denied"), 1),
        (Fenced("late"), 75),
        (ValueError("a bug"), 1),
    ],
)
def test_every_failure_has_the_exit_code_of_the_failure_table(folder, monkeypatch, capsys, error, code):
    for name, value in environment(folder).items():
        monkeypatch.setenv(name, value)

    def fail(_: StageContext) -> None:
        raise error

    assert exit_code_of("pretrain", fail) == code
    if str(error):
        assert str(error).splitlines()[0] in capsys.readouterr().err.splitlines()[-1]


def test_a_full_store_is_told_in_words_and_with_the_file():
    failure = failure_of(OSError(errno.ENOSPC, "No space left on device", "data/x"))
    assert str(failure) == "no space left on the store: [Errno 28] No space left on device: 'data/x'"


def test_exit_codes_are_those_of_the_failure_table_in_spec():
    text = (contract.SCHEMA.parents[1] / "failures.ts").read_text()
    for failure in (InvalidInput, DependencyDown, Diverged, OutOfMemory, NodeFailure, NoEffect):
        rule = text[text.index(f"  {failure.__name__}: {{") :]
        assert f"exitCode: {failure.exit_code}," in rule[:60]


def test_a_cuda_out_of_memory_is_told_by_its_name():
    kind = type("OutOfMemoryError", (RuntimeError,), {})
    assert isinstance(failure_of(kind("CUDA out of memory. Tried to allocate")), OutOfMemory)


def test_logs_are_lines_of_json_as_pino_writes_them(folder, capsys):
    context_of(folder).log.warn("checkpoint passed over", optimizerStep=4)
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["msg"], line["optimizerStep"], line["stage"]) == (
        40,
        "checkpoint passed over",
        4,
        "pretrain",
    )
    assert isinstance(line["time"], int)
