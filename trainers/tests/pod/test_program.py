"""The end of a program: its exit code and its last line on stderr."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orrery_trainers.paths import PROJECT
from orrery_trainers.pod.context import StageContext
from orrery_trainers.pod.failures import (
    DependencyDown,
    Diverged,
    Fenced,
    InvalidInput,
    NodeFailure,
    NoEffect,
    OutOfMemory,
    failure_of,
)
from orrery_trainers.pod.program import exit_code_of
from programs import context_of, environment, run_here


def test_a_part_that_is_already_published_ends_with_0_and_does_no_work(folder, capsys):
    context_of(folder).publish([], {})
    assert run_here("pretrain", folder) == 0
    assert "this part is published already" in capsys.readouterr().out


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


def test_the_message_for_a_full_store_names_the_file():
    failure = failure_of(OSError(errno.ENOSPC, "No space left on device", "data/x"))
    assert str(failure) == "no space left on the store: [Errno 28] No space left on device: 'data/x'"


def test_exit_codes_are_those_of_the_failure_table_in_spec():
    text = (PROJECT / "spec" / "failure-table.ts").read_text()
    for failure in (InvalidInput, DependencyDown, Diverged, OutOfMemory, NodeFailure, NoEffect):
        rule = text[text.index(f"  {failure.__name__}: {{") :]
        assert f"exitCode: {failure.exit_code}," in rule[:60]


def test_running_out_of_cuda_memory_is_recognised_by_the_name_of_the_error():
    kind = type("OutOfMemoryError", (RuntimeError,), {})
    assert isinstance(failure_of(kind("CUDA out of memory. Tried to allocate")), OutOfMemory)


def test_logs_are_lines_of_json_in_the_format_of_pino(folder, capsys):
    context_of(folder).log.warn("checkpoint passed over", optimizerStep=4)
    line = json.loads(capsys.readouterr().out)
    assert (line["level"], line["msg"], line["optimizerStep"], line["stage"]) == (
        40,
        "checkpoint passed over",
        4,
        "pretrain",
    )
    assert isinstance(line["time"], int)


@pytest.mark.parametrize(
    ("work", "code"),
    [
        ("context.log.info('at work')", 0),
        ("raise OSError(errno.ENOSPC, 'No space left on device')", 69),
        ("raise Terminated('SIGTERM: saved')", 143),
        ("raise ValueError('a bug')", 1),
    ],
)
def test_the_exit_code_says_what_happened_although_no_output_can_be_written(folder, work, code):
    program = f"""
import errno
from orrery_trainers.pod.failures import Terminated
from orrery_trainers.pod.program import run_program

def work(context):
    {work}

run_program("pretrain", work)
"""
    # The files of the output are in the store, and this device is always full.
    with Path("/dev/full").open("w") as full:
        env = {**os.environ, **environment(folder), "PYTHONPATH": str(PROJECT / "trainers")}
        ended = subprocess.run([sys.executable, "-c", program], env=env, stdout=full, stderr=full)
    assert ended.returncode == code
