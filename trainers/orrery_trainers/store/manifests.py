"""Manifests, believed only as far as they were recomputed: the same checks as ``store/manifests.ts``.

Standard library alone: the policy server reads its input before it serves, and still starts in a fraction of a second.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from orrery_trainers.store.canonical import sha256_canonical, utf16

VERSION = 2
"""``MANIFEST_VERSION`` of spec/manifest.ts."""

TRAINERS = ("pretrain", "sft", "rl")


class DoesNotHold(Exception):
    """A manifest is not what it says. The message says what was expected."""


class Another(DoesNotHold):
    """A manifest holds, but it is of another result than the one asked for, or another version made it."""


def read_manifest(stage: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """The manifest of the finished stage in the folder ``stage``, whose name is the stage's key.

    asked: what the stage file says of the result: kind, digest, and checksum where it has one.
    Raises DoesNotHold (Another among it), and what the file system says.
    """
    file = stage / "manifest.json"
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(manifest, dict):
            raise DoesNotHold(f"{file} is damaged: expected an object")
        if (version := manifest.get("schemaVersion")) != VERSION and _is_whole(manifest, version):
            raise Another(
                f"{file} has version {version}, but this orrery reads version {VERSION}: another version wrote it. "
                "It is not damaged; submit the campaign again to make the stage again"
            )
        fault = _fault(manifest, stage.name)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DoesNotHold(f"{file} is damaged: {type(error).__name__}: {error}") from None
    if fault is not None:
        raise DoesNotHold(f"{file} is damaged: {fault}")
    for field in ("kind", "digest", "checksum"):
        if field in asked and asked[field] != manifest[field]:
            raise Another(
                f"{file}: expected the result with {field} {asked[field]}, but its {field} is {manifest[field]}; "
                "the stage has been made again or replaced since it was planned"
            )
    return manifest


def _fault(manifest: dict[str, Any], key: str) -> str | None:
    """Why a manifest does not hold by itself; None if it does."""
    if (checksum := checksum_of(manifest)) != manifest.get("checksum"):
        return f"expected the checksum {checksum} for its content, but it has {manifest.get('checksum')}"
    if manifest["schemaVersion"] != VERSION:
        return f"expected version {VERSION}"
    kind, identity = manifest["kind"], manifest["identity"]
    if manifest["key"] != key:
        return f"it is the manifest of {kind} {manifest['key']}"
    if (made := sha256_canonical(identity)) != key:
        return f"its identity has the key {made}"
    if identity["kind"] != kind:
        return f"its kind is {kind}, but the kind of its identity is {identity['kind']}"
    digests = {role: one["digest"] for role, one in manifest["inputs"].items()}
    expected = {role: one if isinstance(one, str) else one["digest"] for role, one in identity["inputs"].items()}
    if digests != expected:
        return "its inputs differ from those of its identity"
    if (digest := output_digest(kind, manifest["files"], manifest["counts"])) != manifest["digest"]:
        return f"its files and counts have the digest {digest}, but it says {manifest['digest']}"
    return None


def _is_whole(manifest: dict[str, Any], version: Any) -> bool:
    """Whether another version made it: the first had no checksum; whatever follows this one keeps it."""
    if not isinstance(version, int):
        return False
    return (version == 1 and "checksum" not in manifest) or checksum_of(manifest) == manifest.get("checksum")


def checksum_of(value: dict[str, Any]) -> str:
    """Checksum of a file that carries one: over everything else that it says."""
    return sha256_canonical({name: member for name, member in value.items() if name != "checksum"})


def output_digest(kind: str, files: list[dict[str, Any]], counts: dict[str, float]) -> str:
    """``outputDigest`` of store/key.ts: equal for equal results."""
    counted = [
        {name: file[name] for name in ("path", "sha256", "bytes")}
        for file in sorted(files, key=lambda file: utf16(file["path"]))
        if not (kind in TRAINERS and PurePosixPath(file["path"]).name == "metrics.jsonl")
    ]
    return sha256_canonical({"kind": kind, "files": counted, "counts": counts})
