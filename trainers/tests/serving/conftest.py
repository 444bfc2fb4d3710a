"""Fixtures of the policy server's tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from servers import Server


@pytest.fixture(scope="session")
def server(start_server: Callable[..., Server], policy: Path) -> Server:
    """A policy server that serves the random tiny Llama."""
    return start_server("--model", str(policy))
