"""Measures the cost of our checkpoints, compared with the save of transformers' Trainer.

    PYTHONPATH=trainers .venv/bin/python bench/checkpoint_cost.py --repetitions 9 --store DIR

Both save the same model, optimizer, scheduler and random states, in turn, in one run. The Trainer alone leaves its
bytes in the page cache. Ours makes every file durable (fsync), hashes it (SHA-256), writes the marker, renames the
folder, and removes unneeded checkpoints. Between two saves, outside the measured time, a sync writes all bytes to the
disk, so that no save waits for the bytes of another one. Prints one JSON object; times are in seconds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "trainers"))

from orrery_trainers.pod.context import StageContext
from orrery_trainers.pod.logs import Logger
from orrery_trainers.store.files import fsync_path, hashes_of
from orrery_trainers.training.metrics import MetricsJournal

MODEL = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 8, "num_attention_heads": 8}
VOCABULARY = 8192


def main() -> None:
    options = _parse()
    folder = Path(tempfile.mkdtemp(prefix="checkpoint-cost-", dir=options.store))
    try:
        print(json.dumps(measure(folder, options.repetitions), indent=2))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measure(folder: Path, repetitions: int) -> dict[str, Any]:
    """Save in turn and compare. The first round does not count, because it includes one-time costs."""
    trainer, callback = build(folder)
    parameters = sum(one.numel() for one in trainer.model.parameters())
    times: dict[str, list[float]] = {name: [] for name in ("plain", "ours", "fsync", "sha256", "sha256 one by one")}
    size = 0
    for _ in range(repetitions + 1):
        trainer.state.global_step += 1  # every checkpoint is of another step, as in training
        saved = Path(trainer.args.output_dir) / f"checkpoint-{trainer.state.global_step}"
        times["plain"].append(timed(lambda: save_plainly(trainer)))
        files = [path for path in saved.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        times["fsync"].append(timed(lambda: [fsync_path(path) for path in files]))  # noqa: B023
        times["sha256"].append(timed(lambda: hashes_of(files)))  # noqa: B023
        times["sha256 one by one"].append(timed(lambda: [sha256_in_turn(path) for path in files]))  # noqa: B023
        shutil.rmtree(saved)
        os.sync()
        times["ours"].append(timed(lambda: save_ours(trainer, callback)))
        os.sync()
    spread = {name: summary(each[1:]) for name, each in times.items()}
    return {
        "name": "checkpoint-cost",
        "unit": "seconds",
        "baseline": spread["plain"],
        "ours": spread["ours"],
        "ratio": round(spread["ours"]["median"] / spread["plain"]["median"], 2),
        "repetitions": repetitions,
        "parameters": parameters,
        "bytes": size,
        "parts": {name: spread[name] for name in ("fsync", "sha256", "sha256 one by one")},
        "machine": {
            "cores": os.cpu_count(),
            "load": [round(one, 2) for one in os.getloadavg()],
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.release()}",
        },
    }


def build(folder: Path) -> tuple[Any, Any]:
    """A Trainer after one optimizer step, so that AdamW has its state, and our callback."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PrinterCallback, Trainer, TrainingArguments

    from orrery_trainers.checkpoints.checkpoint import scratch_folder
    from orrery_trainers.training.callback import StageCallback

    claims = folder / "stages" / "bench" / "claims"
    claims.mkdir(parents=True)
    (claims / "00000.json").write_text("{}")
    keep = {"everySteps": 1, "keep": {"last": 2, "best": 0}}
    context = StageContext(
        stage={"kind": "pretrain", "name": "bench", "config": {"checkpoints": keep}},
        store=folder,
        directory=claims.parent,
        attempt=0,
        rank=0,
        world_size=1,
        log=Logger(stream=sys.stderr),
    )
    metrics = MetricsJournal(context.directory, 0)
    metrics.begin(None)
    callback = StageCallback(context, metrics)
    torch.manual_seed(0)
    rows = [{"input_ids": list(range(16)), "labels": list(range(16))}]
    trainer = Trainer(
        model=LlamaForCausalLM(LlamaConfig(**MODEL, vocab_size=VOCABULARY, tie_word_embeddings=True)),
        args=TrainingArguments(
            output_dir=str(scratch_folder(context.directory, 0)),
            max_steps=1,
            use_cpu=True,
            report_to="none",
            disable_tqdm=True,
            save_strategy="no",
            logging_strategy="no",
        ),
        train_dataset=rows,
    )
    trainer.remove_callback(PrinterCallback)  # it prints on stdout, which must have only the result
    trainer.train()
    return trainer, callback


def save_plainly(trainer: Any) -> None:
    """Save with the Trainer alone."""
    trainer._save_checkpoint(trainer.model, trial=None)


def save_ours(trainer: Any, callback: Any) -> None:
    """Save with the Trainer and then with our callback."""
    callback.on_step_end(trainer.args, trainer.state, trainer.control)
    trainer._save_checkpoint(trainer.model, trial=None)
    callback.on_save(trainer.args, trainer.state, trainer.control)


def sha256_in_turn(file: Path) -> str:
    """SHA-256 of a file in the calling thread, for comparison."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def summary(values: list[float]) -> dict[str, float]:
    """Median, minimum and maximum, rounded."""
    return {
        "median": round(statistics.median(values), 3),
        "least": round(min(values), 3),
        "most": round(max(values), 3),
    }


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--repetitions", type=int, default=9, help="measured saves of each kind (default: %(default)s)"
    )
    parser.add_argument(
        "--store", type=Path, default=None, help="folder on the disk to measure (default: the system's)"
    )
    options = parser.parse_args()
    if options.repetitions < 1:
        parser.error(f"--repetitions: expected at least 1, but got {options.repetitions}")
    return options


if __name__ == "__main__":
    main()
