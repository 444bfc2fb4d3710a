"""Measures what the Python programs import before they work, each in processes of its own.

    PYTHONPATH=trainers .venv/bin/python bench/trainer_start.py --repetitions 5

Prints one JSON object: program -> step -> processor time and wall time of each repetition, in seconds. A step is the
import of some modules; the first step is the interpreter itself. ``collected`` repeats a trainer's imports with the
garbage collector at work, as Python starts, for comparison.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from types import SimpleNamespace

TRAINER = {
    "torch": ["torch"],
    "datasets": ["datasets"],
    "transformers": ["transformers:AutoModelForCausalLM", "transformers:AutoTokenizer", "transformers:Trainer"],
}
OURS = {"orrery": ["orrery_trainers.training.callback"], "the model": ["transformers:LlamaForCausalLM"]}
PROGRAMS: dict[str, dict[str, list[str]]] = {
    "torch alone": {"torch": ["torch"]},
    "pretrain": {"torch": TRAINER["torch"], "transformers": TRAINER["transformers"], **OURS},
    "sft": {**TRAINER, "trl": ["trl:SFTTrainer"], **OURS},
    "rl": {**TRAINER, "trl": ["trl:GRPOTrainer"], **OURS},
    "rl, collected": {**TRAINER, "trl": ["trl:GRPOTrainer"], **OURS},
    "policy server": {"orrery": ["orrery_trainers.serving.policy_server"]},
    "verifier": {"orrery": ["orrery_trainers.verdicts.verifier"]},
}


def main() -> None:
    options = _parse()
    if options.program is not None:
        print(json.dumps(import_in_steps(options.program, options.began)))
        return
    measured: dict[str, dict[str, list[list[float]]]] = {name: {} for name in PROGRAMS}
    for repetition in range(options.repetitions + 1):
        for name, steps in measured.items():
            times = in_a_process(name)
            if repetition > 0:  # the first round reads the files from the disk
                for step, time_of_step in times.items():
                    steps.setdefault(step, []).append(time_of_step)
    print(json.dumps(measured))


def in_a_process(name: str) -> dict[str, list[float]]:
    """The times of a program's steps, measured in a new process."""
    command = [sys.executable, __file__, "--program", name, "--began", str(time.time())]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    return json.loads(run.stdout)


def import_in_steps(name: str, began: float) -> dict[str, list[float]]:
    """Import what a program imports. Returns step -> its processor time and its wall time."""
    busy, wall = 0.0, began
    times: dict[str, list[float]] = {}

    def ended(step: str) -> None:
        nonlocal busy, wall
        now = time.process_time(), time.time()
        times[step] = [now[0] - busy, now[1] - wall]
        busy, wall = now

    ended("interpreter")
    with loading(name):
        for step, modules in PROGRAMS[name].items():
            for module, _, attribute in (one.partition(":") for one in modules):
                loaded = importlib.import_module(module)
                if attribute:
                    getattr(loaded, attribute)
            ended(step)
    return times


@contextlib.contextmanager
def loading(name: str) -> Generator[None]:
    """What a trainer does around its imports; nothing for other programs."""
    if name in ("pretrain", "sft", "rl"):
        from orrery_trainers.training.process import prepare_environment, quick_imports

        prepare_environment(SimpleNamespace(stage={"kind": name}, world_size=1))
        with quick_imports():
            yield
    else:
        yield


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=3, help="measured starts of each (default: %(default)s)")
    parser.add_argument("--program", choices=PROGRAMS, help="only import what this program imports")
    parser.add_argument("--began", type=float, default=time.time(), help="when this process was started, Unix time")
    return parser.parse_args()


if __name__ == "__main__":
    main()
