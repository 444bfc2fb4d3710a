"""Measures optimizer steps per second of a trainer alone, and of two trainers on the same cores.

    PYTHONPATH=trainers .venv/bin/python bench/trainers_beside.py --steps 12

Each trainer is the program of a stage ``pretrain``, with a thread for each core. Each case runs with threads that wait
as trainers set it, spinning briefly and then asleep, and with threads that spin as the OpenMP library of torch does by
default. Prints one JSON object: case -> steps per second
of each trainer, and the hash of the trained weights.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "trainers"), str(PROJECT / "trainers" / "tests" / "support")]

from campaign import PRETRAIN, checkpoints  # noqa: E402
from programs import environment  # noqa: E402
from stages import claim, write_stage  # noqa: E402

WAITING: dict[str, dict[str, str]] = {"brief": {}, "spinning": {"GOMP_SPINCOUNT": "300000"}}
"""Way to wait -> its environment. 300,000 is the default of libgomp."""
MODEL = {"hiddenSize": 96, "layers": 3, "heads": 4, "contextTokens": 128}
WARMING_UP = 4
"""First optimizer steps, which are not counted."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=12, help="optimizer steps of each trainer (default: %(default)s)")
    steps = parser.parse_args().steps
    measured = {}
    for trainers in (1, 2):
        for waiting, variables in WAITING.items():
            with tempfile.TemporaryDirectory(prefix="trainers-beside-") as folder:
                measured[f"{trainers} {waiting}"] = train(Path(folder), trainers, steps, variables)
    print(json.dumps(measured))


def train(folder: Path, trainers: int, steps: int, variables: dict[str, str]) -> list[dict[str, Any]]:
    """Run trainers at the same time. Returns speed and weights of each."""
    config = {**PRETRAIN, "model": MODEL, "batchSize": 64, "optimizerSteps": steps, "checkpoints": checkpoints(steps)}
    stages = [write_stage(folder / str(n), "pretrain", "pretrain", config) for n in range(trainers)]
    started = [start(stage, variables) for stage in stages]
    for process in started:
        if process.wait() != 0:
            raise SystemExit("a trainer failed; its output is above")
    return [speed_of(stage) for stage in stages]


def start(stage: Path, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    claim(stage, 0)
    env = {**os.environ, **environment(stage), "OMP_NUM_THREADS": str(os.cpu_count()), **variables}
    command = [sys.executable, "-m", "orrery_trainers.training.pretrain"]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)


def speed_of(stage: Path) -> dict[str, Any]:
    """Optimizer steps per second by the median time of a step, and the hash of the weights."""
    lines = map(json.loads, (stage / "data" / "metrics.jsonl").read_text().splitlines())
    ended = [datetime.fromisoformat(line["time"]).timestamp() for line in lines][WARMING_UP:]
    times = [after - before for before, after in itertools.pairwise(ended)]
    weights = (stage / "data" / "policy" / "model.safetensors").read_bytes()
    return {"perSecond": 1 / statistics.median(times), "weights": hashlib.sha256(weights).hexdigest()}


if __name__ == "__main__":
    main()
