"""A trainer that runs notes which files it loads: the files that its key counts are these, and no others.

The same for other programs is in ``tests/store/loaded-sources.test.ts``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from campaign import PRETRAIN, rl_stage, sft_stage
from orrery_trainers.paths import PROJECT
from stages import DOMAINS, write_stage
from warm import Warm

TRACE = PROJECT / "tests" / "support" / "trace"
STAGES = {
    "pretrain": lambda store: write_stage(store, "pretrain", "pretrain", PRETRAIN),
    "sft": sft_stage,
    "rl": rl_stage,
}
PINS = PROJECT / "trainers" / "requirements.txt"
OTHERWISE = {
    "transformers_model.py": "a policy that is no small Llama",
    "torch_sampling.py": "the same",
    "prefix_cache.py": "the same",
    "row_cache.py": "the same",
}
"""Sources that count although these runs do not load them, with the program that does."""


def counted(kind: str) -> set[Path]:
    """The sources that the key of a stage counts, by the worker's own finder."""
    loading = {"kind": kind, "domain": "parity", "domains": str(DOMAINS), "projectRoot": str(PROJECT)}
    program = {"runtime": "python", "args": ["-m", f"orrery_trainers.training.{kind}"]}
    script = (
        f"import {{ sourcesOf }} from '{PROJECT}/store/code/sources.ts';"
        f"console.log(JSON.stringify([...sourcesOf({json.dumps(program)}, {json.dumps(loading)}).values()]));"
    )
    node = [str(PROJECT / "node_modules" / ".bin" / "node"), "--input-type=module", "-e", script]
    return {Path(path) for path in json.loads(subprocess.run(node, capture_output=True, text=True, check=True).stdout)}


def loaded(notes: Path) -> set[Path]:
    """The sources that processes have noted (tests/support/trace/sitecustomize.py)."""
    lines = {line for file in notes.iterdir() for line in file.read_text().splitlines()[1:]}
    # A module is read in its compiled form where there is one.
    paths = {Path(re.sub(r"__pycache__/(.+)\.cpython-\d+\.pyc(\.\d+)?$", r"\1.py", line)) for line in lines}
    folders = [PROJECT / "trainers", PROJECT / "spec", PROJECT / "domains"]
    return {path for path in paths if any(path.is_relative_to(folder) for folder in folders)}


@pytest.mark.parametrize("kind", STAGES)
def test_a_trainer_loads_the_sources_that_its_key_counts(kind: str, warm: Warm, tmp_path: Path):
    notes = tmp_path / "notes"
    notes.mkdir()
    path = os.pathsep.join([str(TRACE), str(PROJECT / "trainers")])
    trainer = warm.start(kind, STAGES[kind](tmp_path / "store"), ORRERY_TRACE=str(notes), PYTHONPATH=path)
    assert trainer.wait() == 0, trainer.last_words
    found, hashed = loaded(notes), counted(kind)
    assert found - hashed == set()
    assert {file for file in hashed - found if file.name not in OTHERWISE} == {PINS}
