"""Fixtures of the pod contract's tests."""

from pathlib import Path

import pytest

from campaign import PRETRAIN
from stages import write_stage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A claimed stage of kind pretrain."""
    return write_stage(tmp_path, "pretrain", "pretrain", PRETRAIN)
