"""Toy trainer: runs the toy stage program (a fake, see stages/main.ts) where a Python module is expected."""

import os
import sys
from pathlib import Path

# @loads stages/main.ts
PROGRAM = Path(__file__).parents[2] / "stages" / "main.ts"


def main() -> None:
    """Replaces this process by the toy program, which so gets the signals and sets the exit code."""
    node = os.environ["ORRERY_TEST_NODE"]
    sys.stdout.flush()
    os.execv(node, [node, str(PROGRAM)])
