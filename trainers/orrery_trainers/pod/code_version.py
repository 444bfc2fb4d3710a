"""The code of a pod against that of the worker that started it.

An old image under a new worker would publish a result of old code under the key of the new. The worker lists the
sources that each program loads in ``sources.json`` of the stage's folder; the same check as ``stages/runtime/code.ts``.
The standard library alone: the policy server makes it before it serves.
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

SHOWN = 3
"""Names of sources that a message has room for."""


def version_of(sources: dict[str, dict[str, str] | None]) -> str:
    """The code version of a stage: SHA-256 over the sources of its programs."""
    both = {**(sources["policyServer"] or {}), **(sources["main"] or {})}
    lines = sorted(f"{name} {digest}\n" for name, digest in both.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def refuse_other_code(stage: dict[str, Any], folder: Path, program: Literal["main", "policyServer"]) -> None:
    """Compare the sources of this pod with those of the worker.

    folder: the stage's folder in the store.
    Raises InvalidInput naming both code versions; DependencyDown when the list of the worker's sources does not hold.
    """
    version = stage.get("codeVersion")
    if not isinstance(version, str) or not re.fullmatch("[0-9a-f]{64}", version):
        return  # a stage file that was written by hand
    planned = _read(folder / "sources.json", version)
    listed = planned[program] or {}
    own = {name: _digest_of(_path_of(name, stage["domain"]["name"])) for name in listed}
    names = [name for name, digest in listed.items() if own[name] != digest]
    if not names:
        return
    shown = ", ".join(name if own[name] else f"{name} (missing)" for name in names[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    raise InvalidInput(
        f"expected the code version {version}, which the worker has, but the code of this pod is "
        f"{_own_version(planned, program, own)}: {shown}{more} differ. Give both the same code (an image made of the "
        "worker's sources, or a worker of the image's), then retry the stage"
    )


def _own_version(planned: dict[str, Any], program: str, own: dict[str, str]) -> str:
    # A source of both programs is the same file here.
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
    """Where a source lies, by its name: ``pathOf`` of store/sources.ts."""
    domains = Path(os.environ.get("ORRERY_DOMAINS") or PROJECT / "domains")
    if name.startswith("ORRERY_DOMAINS/"):
        return domains / name.removeprefix("ORRERY_DOMAINS/")
    return domains / name.removeprefix("domains/") if name.startswith(f"domains/{domain}/") else PROJECT / name


def _digest_of(path: Path) -> str:
    """SHA-256 of a source as this pod has it; empty when it is missing."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return ""
