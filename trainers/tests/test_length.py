"""No file of the package is long. Which imports are allowed: lint/walls.ts, which ``npm run lint`` checks."""

from __future__ import annotations

import pytest

from orrery_trainers.paths import TRAINERS

PACKAGE = TRAINERS / "orrery_trainers"
MOST_LINES = 250
"""Maximum length of a file, in lines: a few screens."""
FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_every_file_keeps_to_a_few_screens(file):
    assert file.read_text(encoding="utf-8").count("\n") <= MOST_LINES
