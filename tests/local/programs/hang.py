"""A program that hangs, for tests. On SIGUSR1 `hang.py handler` prints its stack like ours; `hang.py bare` does not."""

import faulthandler
import os
import signal
import sys
import time
from pathlib import Path


def hang_here() -> None:
    with (Path(os.environ["ORRERY_STORE"]) / "notes.txt").open("a") as notes:
        notes.write(f"begin {os.environ['JOB_COMPLETION_INDEX']}\n")
    time.sleep(3600)


if sys.argv[1] == "handler":
    faulthandler.register(signal.SIGUSR1, all_threads=True)
hang_here()
