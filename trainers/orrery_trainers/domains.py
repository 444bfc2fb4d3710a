"""Domains on the Python side: problems, demonstrations and the verifier of a subject.

A domain is one folder of ``domains/``. Its ``domain.py`` defines

- ``verify(problem, reference, completion) -> Verdict``: always;
- ``generate_problems(count, seed, held_out, settings) -> list[Problem]``: domains that make their own problems;
- ``vocabulary(settings) -> list[str]`` and ``demonstrations(seed, settings) -> Iterator[tuple[str, str]]`` (prompt,
  completion, without end): domains that a small model can be pretrained on;
- ``count_backtracks(completion) -> int``: where the phrases alone do not tell;
- ``final_answer(completion) -> str | None``: the part of a completion that its verdict depends on, quickly found.
  Verdicts are remembered by it, so that one answer in many words is judged once;
- ``warm_up() -> None``: loads what the first verdicts would be slow by. Called once, before judges are forked.

Its ``phrases.json`` is the one place of the reflection phrases; TypeScript and Python both read it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

Settings = dict[str, Any]


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


@dataclass(frozen=True, slots=True)
class Phrases:
    """Fixed sentences of the reflections (ASTRO, procedure cloning) in the words of the domain: ``phrases.json``."""

    reflection: str
    negative: str
    positive: str
    go_back: str
    """Holds ``{place}``: the name of the place that is gone back to."""
    restart: str
    final_answer: str

    @property
    def go_back_opening(self) -> str:
        """What every return begins with: ``go_back`` in front of the place (behind it, where it stands first)."""
        before, _, behind = self.go_back.partition("{place}")
        return before.strip() or behind.strip()

    def count_backtracks(self, completion: str) -> int:
        """Times that a text goes back to an earlier place or restarts. A missing or garbled place is still a return."""
        return completion.count(self.go_back_opening) + completion.count(self.restart)


@dataclass(frozen=True, slots=True)
class Domain:
    """A loaded domain. What a domain need not define is None here."""

    name: str
    folder: Path
    phrases: Phrases
    verify: Callable[[str, str, str], Verdict]
    count_backtracks: Callable[[str], int]
    generate_problems: Callable[[int, int, bool, Settings], list[Problem]] | None
    vocabulary: Callable[[Settings], list[str]] | None
    demonstrations: Callable[[int, Settings], Iterator[tuple[str, str]]] | None
    final_answer: Callable[[str], str | None] | None = None
    warm_up: Callable[[], None] | None = None


def domains_folder() -> Path:
    """Folder that holds the domains: ``ORRERY_DOMAINS``, or ``domains/`` of the project."""
    # @loads domains/{domain}/phrases.json
    return Path(os.environ.get("ORRERY_DOMAINS") or Path(__file__).resolve().parents[2] / "domains")


def load_domain(name: str) -> Domain:
    """Import ``domains/<name>/domain.py``. Raises DomainError when it is not there or not whole."""
    folder = domains_folder() / name
    file = folder / "domain.py"
    if not file.is_file():
        known = ", ".join(sorted(entry.parent.name for entry in domains_folder().glob("*/domain.py"))) or "none"
        raise DomainError(
            f'domain: expected a folder of {domains_folder()} with a domain.py ({known}), but got "{name}"'
        )
    module = _import(name, file)
    phrases = read_phrases(folder)
    verify = getattr(module, "verify", None)
    if verify is None:
        raise DomainError(f"{file}: expected a function verify(problem, reference, completion)")
    return Domain(
        name=name,
        folder=folder,
        phrases=phrases,
        verify=verify,
        count_backtracks=getattr(module, "count_backtracks", phrases.count_backtracks),
        generate_problems=getattr(module, "generate_problems", None),
        vocabulary=getattr(module, "vocabulary", None),
        demonstrations=getattr(module, "demonstrations", None),
        final_answer=getattr(module, "final_answer", None),
        warm_up=getattr(module, "warm_up", None),
    )


def read_phrases(folder: Path) -> Phrases:
    """Read ``phrases.json`` of a domain's folder. Raises DomainError unless it is as domains/domain.ts describes it."""
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
        raise DomainError(f"{file}: goBack: expected words around {{place}}, but got {raw['goBack']!r}")
    return Phrases(
        reflection=raw["reflection"],
        negative=raw["negative"],
        positive=raw["positive"],
        go_back=raw["goBack"],
        restart=raw["restart"],
        final_answer=raw["finalAnswer"],
    )


# @loads domains/{domain}/domain.py
def _import(name: str, file: Path) -> ModuleType:
    qualified = f"orrery_domain_{name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(qualified, file)
    if spec is None or spec.loader is None:
        raise DomainError(f"{file}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[qualified] = module  # dataclasses and pickle look a module up by its name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[qualified]
        raise DomainError(f"{file}: cannot be imported: {type(error).__name__}: {error}") from error
    return module
