"""Requests of the tests to a policy server."""

from __future__ import annotations

import time

PROMPT = "Use 3 5 7 to make 26 :"
PROMPT_TOKENS = 9  # with <bos>


def metric(server, name):
    """A metric, summed over its labels."""
    lines = server.get("/metrics")[1].splitlines()
    return sum(int(line.split()[-1]) for line in lines if line.startswith(f"vllm:{name}{{"))


def wait_until(holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
