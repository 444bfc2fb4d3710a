"""Checks the inputs of a stage: the manifest must describe the planned result, and every file must match its hash.

``stages/io/inputs.ts`` makes the same check. This module needs only the standard library: the policy server makes the
check before it serves, and must start within a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from orrery_trainers.pod.failures import DependencyDown, InvalidInput
from orrery_trainers.store.files import fault_in
from orrery_trainers.store.manifests import CorruptManifest, OtherResult, read_manifest

if TYPE_CHECKING:
    from orrery_trainers.pod.stage_types import Input


def input_folder(store: Path, inputs: Mapping[str, Input], role: str) -> Path:
    """Folder of the input stage of ``role``.

    inputs: those of the stage file, role -> kind, key and digest.
    Raises InvalidInput if the stage has no such input, DependencyDown if its manifest is missing.
    """
    if role not in inputs:
        raise InvalidInput(
            f"stage file: inputs.{role}: expected a finished stage, but got {', '.join(inputs) or 'no inputs'}"
        )
    folder = store / "stages" / inputs[role]["key"]
    if not (folder / "manifest.json").is_file():
        raise DependencyDown(
            f"{folder / 'manifest.json'}: expected the manifest of the input {role}, but there is no such file"
        )
    return folder


def verified_files(store: Path, inputs: Mapping[str, Input], role: str, name: str) -> list[Path]:
    """Files of an input, sorted by name, after their hashes were checked.

    name: ``solutions.jsonl`` stands for all its parts, ``policy/`` for all files in that folder.
    Raises InvalidInput if the manifest describes another result than the stage was planned with, if it has no such
    file, or if a file is damaged. Raises DependencyDown if the manifest is damaged: before the next attempt, the worker
    seals it again or refuses the stage. Raises the errors of :func:`input_folder` too.
    """
    folder = input_folder(store, inputs, role)
    try:
        # The key of the stage depends on these fields alone (inputForKey of store/key.ts). An input that was made again
        # with the same outputs is the same input.
        expected = {field: value for field, value in inputs[role].items() if field in ("kind", "digest")}
        files = read_manifest(folder, expected)["files"]
    except OtherResult as error:
        raise InvalidInput(f"input {role}: {error}") from None
    except CorruptManifest as error:
        raise DependencyDown(f"input {role}: {error}") from None
    entries = [entry for entry in files if _matches(entry["path"], name)]
    if not entries:
        raise InvalidInput(f"{folder}: expected data/{name} or its parts, but the manifest has none")
    if (fault := fault_in(entries, folder)) is not None:
        raise InvalidInput(
            f"{folder}: input {role} is damaged: {fault}; cancel the campaign and submit it again: damaged outputs are "
            "set aside and made again (for a file above 256 MiB, first move that stage's manifest.json away)"
        )
    return sorted(folder / entry["path"] for entry in entries)


def _matches(path: str, name: str) -> bool:
    """Whether a path is the file ``name``, a part of it, or in the folder ``name``.

    ``data/solutions-00003.jsonl`` is a part of ``solutions.jsonl``.
    """
    inside = path.removeprefix("data/")
    if name.endswith("/"):
        return inside.startswith(name)
    stem, dot, extension = name.rpartition(".")
    part = inside.removeprefix(f"{stem}-").removesuffix(f"{dot}{extension}")
    return inside == name or (part.isdigit() and inside == f"{stem}-{part}{dot}{extension}")
