"""A process that has imported what trainers need, and forks one for every request.

A trainer spends most of a test importing torch and TRL. What is forked here is a process like any other: killed,
stopped and resumed for real, with an attempt, a stage file and an exit code of its own; only the imports are shared.

Requests and answers are lines of JSON on stdin and stdout: ``{kind, environment, log}`` is answered with a process
number, ``{poll: number}`` with an exit code, as a shell has it negated for signals, or null while it runs.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

PR_SET_PDEATHSIG = 1


def main() -> None:
    load()
    for line in sys.stdin:
        request = json.loads(line)
        answer = poll(request["poll"]) if "poll" in request else fork(**request)
        print(json.dumps(answer), flush=True)


def load() -> None:
    """Set the environment like the programs do, then import their modules."""
    from orrery_trainers.training.process import prepare_environment, quick_imports

    prepare_environment(SimpleNamespace(stage={"kind": "sft"}, world_size=1))
    with quick_imports():
        for name in ("torch", "datasets", "jsonschema", "transformers.models.llama.modeling_llama"):
            importlib.import_module(name)
        from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer  # noqa: F401
        from trl import GRPOTrainer, SFTTrainer  # noqa: F401

        for name in ("callback", "pretrain", "rl", "rollouts", "sft"):
            importlib.import_module(f"orrery_trainers.training.{name}")
    gc.freeze()  # the collector of a fork must not scan, and so copy, these objects


def fork(kind: str, environment: dict[str, str], log: str) -> int:
    process = os.fork()
    if process != 0:
        return process
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # no trainer outlives the tests
    code = 1
    try:
        written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(written, stream)
        os.environ.update(environment)
        if "ORRERY_TRACE" in environment:
            trace()
        program = importlib.import_module(f"orrery_trainers.training.{kind}")
        from orrery_trainers.pod.program import run_program

        run_program(kind, getattr(program, kind))
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)


def trace() -> None:
    """Record the files that the program loads. Imported modules are dropped, so they are loaded again."""
    for name in [name for name in sys.modules if name.split(".")[0] == "orrery_trainers"]:
        del sys.modules[name]
    runpy.run_path(str(Path(__file__).resolve().parents[3] / "tests/support/trace/sitecustomize.py"))


def poll(process: int) -> int | None:
    ended, status = os.waitpid(process, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
