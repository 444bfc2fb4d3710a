"""Loads a domain: one folder of ``domains/`` with its ``domain.py`` and its phrases."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from orrery_trainers.domains.phrases import Phrases, read_phrases
from orrery_trainers.domains.values import DomainError, Problem, Settings, Verdict
from orrery_trainers.paths import PROJECT


@dataclass(frozen=True, slots=True)
class Domain:
    """A loaded domain. A function that the domain does not define is None; see the package's docstring."""

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
    """Folder of the domains: ``ORRERY_DOMAINS``, or ``domains/`` of the project."""
    return Path(os.environ.get("ORRERY_DOMAINS") or PROJECT / "domains")


def load_domain(name: str) -> Domain:
    """Import ``domains/<name>/domain.py``. Raises DomainError if it is missing, incomplete or cannot be imported."""
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


# @loads domains/{domain}/domain.py
def _import(name: str, file: Path) -> ModuleType:
    qualified = f"orrery_domain_{name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(qualified, file)
    if spec is None or spec.loader is None:
        raise DomainError(f"{file}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[qualified] = module  # dataclasses and pickle find a module by its name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[qualified]
        raise DomainError(f"{file}: cannot be imported: {type(error).__name__}: {error}") from error
    return module
