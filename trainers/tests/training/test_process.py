"""How the process of a trainer is prepared: what its libraries read when they are loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from servers import program_environment

PROGRAM = """
import gc
from types import SimpleNamespace
from orrery_trainers.training.process import prepare_environment, quick_imports

prepare_environment(SimpleNamespace(stage={"kind": "sft"}, world_size=1))
with quick_imports():
    import torch
    import triton._C.libtriton
    assert not gc.isenabled()
print(torch.get_num_threads(), gc.isenabled(), gc.get_freeze_count() > 100_000)
"""


@pytest.mark.parametrize(
    ("given", "waiting"),
    [({}, "GOMP_SPINCOUNT = '3000'"), ({"OMP_WAIT_POLICY": "PASSIVE"}, "OMP_WAIT_POLICY = 'PASSIVE'")],
)
def test_threads_wait_briefly_their_number_stays_and_the_collector_leaves_imports_alone(given, waiting):
    env = program_environment(OMP_DISPLAY_ENV="VERBOSE", OMP_NUM_THREADS="2", **given)
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True)
    assert run.stdout == "2 True True\n"
    assert waiting in run.stderr
    assert "nanobind" not in run.stderr  # printed when the program ends, it would hide the reason of a failure
