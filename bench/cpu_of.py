"""Measures the CPU time of commands, in turn. Used by cli-start.ts.

    cpu_of.py ROUNDS COMMANDS

COMMANDS is a JSON list of commands, each a list of words. Prints a JSON list: for each command, its user and system time
in ms in each round, with that of the processes that it started. A first round does not count. A command that fails ends
the program.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys


def cpu_ms(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def main() -> None:
    rounds, commands = int(sys.argv[1]), json.loads(sys.argv[2])
    measured = [[cpu_ms(command) for command in commands] for _ in range(rounds + 1)]
    json.dump([list(times) for times in zip(*measured[1:], strict=True)], sys.stdout)


if __name__ == "__main__":
    main()
