"""Measures the cost of our checkpoints, compared with the save of transformers' Trainer.

    PYTHONPATH=trainers .venv/bin/python bench/checkpoint_cost.py --repetitions 9 --store DIR

Both save the same model, optimizer, scheduler and random states, in turn, in one run. The Trainer alone leaves its
bytes in the page cache. Ours makes every file durable (fsync), hashes it (XXH3), writes the marker, renames the
folder, and removes unneeded checkpoints. It switches off the CRC-32s of torch.save, which the hashes replace. Between
two saves, outside the measured time, a sync writes all bytes to the disk, so that no save waits for the bytes of
another one. Prints one JSON object; times are in seconds.
"""

from __future__ import annotations

import argparse
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
from orrery_trainers.store.files import SHA256, XXH3, fsync_path, hashes_of
from orrery_trainers.training.metrics import MetricsJournal

MODEL = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 8, "num_attention_heads": 8}
VOCABULARY = 8192

PARTS: dict[str, Callable[[list[Path]], object]] = {
    "fsync": lambda files: [fsync_path(file) for file in files],
    "XXH3": lambda files: hashes_of(files, [XXH3] * len(files)),
    "SHA-256": lambda files: hashes_of(files, [SHA256] * len(files)),
}
"""What our checkpoint does with the files of a save, each alone. SHA-256 is for comparison: checkpoints had it."""


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
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ("plain", "ours", *PARTS)}
    size = 0
    for _ in range(repetitions + 1):
        trainer.state.global_step += 1  # every checkpoint is of another step, as in training
        saved = Path(trainer.args.output_dir) / f"checkpoint-{trainer.state.global_step}"
        times["plain"].append(timed(lambda: save_plainly(trainer)))
        files = [path for path in saved.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        for name, part in PARTS.items():
            times[name].append(timed(lambda: part(files)))  # noqa: B023
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
        "parts": {name: spread[name] for name in PARTS},
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
    """Save with the Trainer alone, as torch saves unless it is told otherwise."""
    import torch

    torch.serialization.set_crc32_options(True)
    trainer._save_checkpoint(trainer.model, trial=None)


def save_ours(trainer: Any, callback: Any) -> None:
    """Save with the Trainer and then with our callback."""
    import torch

    torch.serialization.set_crc32_options(False)  # as the callback does when it is made
    callback.on_step_end(trainer.args, trainer.state, trainer.control)
    trainer._save_checkpoint(trainer.model, trial=None)
    callback.on_save(trainer.args, trainer.state, trainer.control)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall time and processor time of a piece of work, in seconds."""
    began, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - busy


def summary(values: list[tuple[float, float]]) -> dict[str, float]:
    """Median, minimum and maximum of the wall time, and the median of the processor time, rounded."""
    wall = [one for one, _ in values]
    return {
        "median": round(statistics.median(wall), 3),
        "least": round(min(wall), 3),
        "most": round(max(wall), 3),
        "processor": round(statistics.median(busy for _, busy in values), 3),
    }


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=9, help="measured saves of each kind (default: %(default)s)")
    parser.add_argument(
        "--store", type=Path, default=None, help="folder on the disk to measure (default: the system's)"
    )
    options = parser.parse_args()
    if options.repetitions < 1:
        parser.error(f"--repetitions: expected at least 1, but got {options.repetitions}")
    return options


if __name__ == "__main__":
    main()
