"""The reflection phrases of a domain: its ``phrases.json``, which TypeScript and Python both read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from orrery_trainers.domains.values import DomainError


@dataclass(frozen=True, slots=True)
class Phrases:
    """Fixed sentences of a reflection (ASTRO, procedure cloning), worded for the domain: ``phrases.json``."""

    reflection: str
    negative: str
    positive: str
    go_back: str
    """Contains ``{place}``: the name of the step that the solution returns to."""
    restart: str
    final_answer: str

    @property
    def go_back_opening(self) -> str:
        """The text of ``go_back`` before the place, or after it if the place comes first. It marks every return."""
        before, _, behind = self.go_back.partition("{place}")
        return before.strip() or behind.strip()

    def count_backtracks(self, completion: str) -> int:
        """Number of returns to an earlier step and of restarts. A return with a missing or wrong place counts too."""
        return completion.count(self.go_back_opening) + completion.count(self.restart)


def read_phrases(folder: Path) -> Phrases:
    """Read ``phrases.json`` of a domain's folder.

    Raises DomainError unless it matches the schema in domains/domain.ts.
    """
    # @loads domains/{domain}/phrases.json
    file = folder / "phrases.json"
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DomainError(f"{file}: expected the phrases of the domain, but there is no such file") from None
    except json.JSONDecodeError as error:
        raise DomainError(f"{file}: expected JSON: {error}") from None
    names = {"reflection", "negative", "positive", "goBack", "restart", "finalAnswer"}
    if (
        not isinstance(raw, dict)
        or set(raw) != names
        or not all(isinstance(text, str) and text for text in raw.values())
    ):
        raise DomainError(f"{file}: expected an object of strings with the fields {', '.join(sorted(names))}")
    if "{place}" not in raw["goBack"] or raw["goBack"].strip() == "{place}":
        raise DomainError(f"{file}: goBack: expected text around {{place}}, but got {raw['goBack']!r}")
    return Phrases(
        reflection=raw["reflection"],
        negative=raw["negative"],
        positive=raw["positive"],
        go_back=raw["goBack"],
        restart=raw["restart"],
        final_answer=raw["finalAnswer"],
    )
