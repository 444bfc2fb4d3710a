"""What a domain gives and takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Settings = dict[str, Any]
"""``domain.settings`` of the campaign; each domain says what it takes."""


class DomainError(Exception):
    """A domain that is not there, is malformed, or cannot do what is asked. The message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with its reference answer as its domain's verifier reads it (``Problem`` of spec/records.ts)."""

    id: str
    problem: str
    reference: str
    source: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verifier's word on one completion (``Verdict`` of spec/records.ts)."""

    verdict: Literal["right", "wrong", "unjudged"]
    """``unjudged``: cannot be judged. Never counted as wrong by itself."""
    answer: str | None
    """The answer found, normalised so that equal answers are equal strings; None without one."""
    reason: str | None = None
    """Why it is unjudged; None otherwise."""
