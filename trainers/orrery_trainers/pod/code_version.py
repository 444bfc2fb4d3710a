"""Compares the code of a pod with the code of the worker that started it.

A pod with an old image under a new worker would publish a result of old code under the key of the new code. The worker
writes ``sources.json`` into the stage's folder: the sources that each program loads, with their hashes.
``stages/runtime/code.ts`` makes the same check. This module needs only the standard library, because the policy server
makes the check before it serves.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any, Literal

from orrery_trainers.paths import PROJECT
from orrery_trainers.pod.failures import DependencyDown, InvalidInput

MAX_LISTED_SOURCES = 3
"""Maximum number of sources that a message names. *Ours*."""


def version_of(sources: dict[str, dict[str, str] | None]) -> str:
    """The code version of a stage: SHA-256 over the sources of its programs."""
    both = {**(sources["policyServer"] or {}), **(sources["main"] or {})}
    lines = sorted(f"{name} {digest}\n" for name, digest in both.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def refuse_other_code(stage: dict[str, Any], folder: Path, program: Literal["main", "policyServer"]) -> None:
    """Compare the sources of this pod with those of the worker.

    stage: content of the stage file, not yet checked. folder: the stage's folder in the store.
    Raises InvalidInput with both code versions if they differ; DependencyDown if ``sources.json`` is damaged.
    """
    version = stage.get("codeVersion")
    if not isinstance(version, str) or not re.fullmatch("[0-9a-f]{64}", version):
        return  # the stage file was written by hand
    planned = _read(folder / "sources.json", version)
    listed = planned[program] or {}
    own = {name: _digest_of(_path_of(name, stage["domain"]["name"])) for name in listed}
    differing = [name for name, digest in listed.items() if own[name] != digest]
    if not differing:
        return
    names = ", ".join(name if own[name] else f"{name} (missing)" for name in differing[:MAX_LISTED_SOURCES])
    more = f" and {len(differing) - MAX_LISTED_SOURCES} more" if len(differing) > MAX_LISTED_SOURCES else ""
    raise InvalidInput(
        f"expected the code version {version}, which the worker has, but the code of this pod is "
        f"{_own_version(planned, program, own)}: {names}{more} differ. Give both the same code (an image made of the "
        "worker's sources, or a worker of the image's), then retry the stage"
    )


def _own_version(planned: dict[str, Any], program: str, own: dict[str, str]) -> str:
    # A source that both programs load is one file in this pod, so its digest here replaces both entries.
    both = {name: {**listed, **{one: own[one] for one in listed if one in own}} for name, listed in _lists(planned)}
    return version_of({"policyServer": None, **both, program: own})


def _lists(planned: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    return [(name, listed) for name, listed in planned.items() if listed is not None]


def _read(file: Path, version: str) -> dict[str, Any]:
    try:
        planned = json.loads(file.read_text(encoding="utf-8"))
        if version_of(planned) == version:
            return planned
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        pass
    raise DependencyDown(
        f"{file} is damaged: it is not the list of sources of code version {version}; the next attempt writes it again"
    )


def _path_of(name: str, domain: str) -> Path:
    """The path of a source with this name: ``pathOf`` of store/sources.ts."""
    domains = Path(os.environ.get("ORRERY_DOMAINS") or PROJECT / "domains")
    if name.startswith("ORRERY_DOMAINS/"):
        return domains / name.removeprefix("ORRERY_DOMAINS/")
    return domains / name.removeprefix("domains/") if name.startswith(f"domains/{domain}/") else PROJECT / name


def _digest_of(path: Path) -> str:
    """SHA-256 of a source in this pod; empty if it is missing."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return ""
