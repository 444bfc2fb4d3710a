"""Input stages, believed only as far as they are what the campaign planned with: the manifest, then every file's hash.

The same check as ``stages/io/inputs.ts``. It needs the standard library alone, so that the policy server, which makes
it before it serves, still starts in a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from orrery_trainers.pod.failures import DependencyDown, InvalidInput
from orrery_trainers.store.files import fault_in
from orrery_trainers.store.manifests import Another, DoesNotHold, read_manifest

if TYPE_CHECKING:
    from orrery_trainers.pod.stage_types import Input


def input_folder(store: Path, inputs: Mapping[str, Input], role: str) -> Path:
    """Folder of the input stage of ``role``; ``inputs`` is the stage file's (role -> key and digest).

    Raises InvalidInput if the stage has no such input, DependencyDown if its manifest is not there.
    """
    if role not in inputs:
        raise InvalidInput(
            f"stage file: inputs.{role}: expected a finished stage, but got {', '.join(inputs) or 'no inputs'}"
        )
    folder = store / "stages" / inputs[role]["key"]
    if not (folder / "manifest.json").is_file():
        raise DependencyDown(
            f"{folder / 'manifest.json'}: expected the manifest of the input {role}, but it is not there"
        )
    return folder


def verified_files(store: Path, inputs: Mapping[str, Input], role: str, name: str) -> list[Path]:
    """Verified files of an input: ``solutions.jsonl`` is all its parts, ``policy/`` everything in that folder.

    Returns them in the order of their names.
    Raises InvalidInput when the manifest is not of the outputs planned with, when it has no such file, or when a file
    is not what its manifest says; DependencyDown when it does not hold, because the worker seals it again before the
    next attempt, or refuses the stage; and what :func:`input_folder` raises.
    """
    folder = input_folder(store, inputs, role)
    try:
        # What the key of the stage counts (inputForKey of store/key.ts): made again with the same outputs, it is the
        # same input.
        asked = {field: value for field, value in inputs[role].items() if field in ("kind", "digest")}
        files = read_manifest(folder, asked)["files"]
    except Another as error:
        raise InvalidInput(f"input {role}: {error}") from None
    except DoesNotHold as error:
        raise DependencyDown(f"input {role}: {error}") from None
    entries = [entry for entry in files if _is_called(entry["path"], name)]
    if not entries:
        raise InvalidInput(f"{folder}: expected data/{name} or its parts, but the manifest has none")
    if (fault := fault_in(entries, folder)) is not None:
        raise InvalidInput(
            f"{folder}: input {role} is damaged: {fault}; cancel the campaign and submit it again: what does not hold "
            "is set aside and made again (a file above 256 MiB only once you have moved manifest.json away)"
        )
    return sorted(folder / entry["path"] for entry in entries)


def _is_called(path: str, name: str) -> bool:
    """Whether ``data/solutions-00003.jsonl`` is a part of ``solutions.jsonl``, or lies in ``policy/``."""
    inside = path.removeprefix("data/")
    if name.endswith("/"):
        return inside.startswith(name)
    stem, dot, extension = name.rpartition(".")
    part = inside.removeprefix(f"{stem}-").removesuffix(f"{dot}{extension}")
    return inside == name or (part.isdigit() and inside == f"{stem}-{part}{dot}{extension}")
