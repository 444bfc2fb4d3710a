"""How the process of a trainer is prepared: what its libraries read when they are loaded."""

from __future__ import annotations

import subprocess
import sys

from servers import program_environment

PROGRAM = """
import gc
from types import SimpleNamespace
from orrery_trainers.training.process import prepare_environment, quick_imports

prepare_environment(SimpleNamespace(stage={"kind": "sft"}, world_size=1))
with quick_imports():
    import torch
    assert not gc.isenabled()
print(torch.get_num_threads(), gc.isenabled(), gc.get_freeze_count() > 100_000)
"""


def test_threads_sleep_while_they_wait_their_number_stays_and_the_collector_leaves_imports_alone():
    env = program_environment(OMP_DISPLAY_ENV="TRUE", OMP_NUM_THREADS="2")
    run = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True)
    assert run.stdout == "2 True True\n"
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in run.stderr
