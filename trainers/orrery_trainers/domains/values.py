"""Types of the values that a domain takes and returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Settings = dict[str, Any]
"""``domain.settings`` of the campaign. Each domain defines its own settings."""


class DomainError(Exception):
    """A domain is missing or malformed, or it cannot do what was requested. The message says what to change."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with its reference answer, in the format of the domain's verifier (``Problem`` of spec/records.ts)."""

    id: str
    problem: str
    reference: str
    source: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verifier's decision about one completion (``Verdict`` of spec/records.ts)."""

    verdict: Literal["right", "wrong", "unjudged"]
    """``unjudged``: the verifier could not judge the completion. It does not count as wrong."""
    answer: str | None
    """The final answer, normalised so that equal answers are equal strings; None if the completion has none."""
    reason: str | None = None
    """Why the completion is unjudged; None for the other verdicts."""
