"""Reads manifests and recomputes what they say: the same checks as ``store/manifests.ts``.

This module needs only the standard library: the policy server reads its input before it serves, and must start within
a fraction of a second.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from orrery_trainers.store.canonical import sha256_canonical, utf16

VERSION = 2
"""``MANIFEST_VERSION`` of spec/manifest.ts."""

TRAINERS = ("pretrain", "sft", "rl")


class CorruptManifest(Exception):
    """A manifest is damaged. The message says what was expected."""


class OtherResult(CorruptManifest):
    """A manifest is valid, but it describes another result than the expected one, or another version wrote it."""


def read_manifest(stage: Path, expected: dict[str, Any]) -> dict[str, Any]:
    """The manifest of the finished stage in the folder ``stage``, whose name is the stage's key.

    expected: the result according to the stage file: any of kind, digest and checksum.
    Raises CorruptManifest or its subclass OtherResult; OSError if the file cannot be read.
    """
    file = stage / "manifest.json"
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(manifest, dict):
            raise CorruptManifest(f"{file} is damaged: expected an object")
        if (version := manifest.get("schemaVersion")) != VERSION and _is_of_other_version(manifest, version):
            raise OtherResult(
                f"{file} has version {version}, but this orrery reads version {VERSION}: another version wrote it. "
                "It is not damaged; submit the campaign again to make the stage again"
            )
        fault = _fault(manifest, stage.name)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptManifest(f"{file} is damaged: {type(error).__name__}: {error}") from None
    if fault is not None:
        raise CorruptManifest(f"{file} is damaged: {fault}")
    for field in ("kind", "digest", "checksum"):
        if field in expected and expected[field] != manifest[field]:
            raise OtherResult(
                f"{file}: expected the result with {field} {expected[field]}, but its {field} is {manifest[field]}; "
                "the stage has been made again or replaced since it was planned"
            )
    return manifest


def _fault(manifest: dict[str, Any], key: str) -> str | None:
    """Why a manifest is not consistent; None if it is."""
    if (checksum := checksum_of(manifest)) != manifest.get("checksum"):
        return f"expected the checksum {checksum} for its content, but it has {manifest.get('checksum')}"
    if manifest["schemaVersion"] != VERSION:
        return f"expected version {VERSION}"
    kind, identity = manifest["kind"], manifest["identity"]
    if manifest["key"] != key:
        return f"it is the manifest of {kind} {manifest['key']}"
    if (identity_key := sha256_canonical(identity)) != key:
        return f"its identity has the key {identity_key}"
    if identity["kind"] != kind:
        return f"its kind is {kind}, but the kind of its identity is {identity['kind']}"
    digests = {role: one["digest"] for role, one in manifest["inputs"].items()}
    expected = {role: one if isinstance(one, str) else one["digest"] for role, one in identity["inputs"].items()}
    if digests != expected:
        return "its inputs differ from those of its identity"
    if (digest := output_digest(kind, manifest["files"], manifest["counts"])) != manifest["digest"]:
        return f"its files and counts have the digest {digest}, but it says {manifest['digest']}"
    return None


def _is_of_other_version(manifest: dict[str, Any], version: Any) -> bool:
    """Whether it is a valid manifest of another version. Version 1 had no checksum; later versions keep it."""
    if not isinstance(version, int):
        return False
    return (version == 1 and "checksum" not in manifest) or checksum_of(manifest) == manifest.get("checksum")


def checksum_of(value: dict[str, Any]) -> str:
    """Checksum of a file over all its fields except ``checksum``."""
    return sha256_canonical({name: member for name, member in value.items() if name != "checksum"})


def output_digest(kind: str, files: list[dict[str, Any]], counts: dict[str, float]) -> str:
    """``outputDigest`` of store/key.ts: equal results have equal digests."""
    counted = [
        {name: file[name] for name in ("path", "sha256", "bytes")}
        for file in sorted(files, key=lambda file: utf16(file["path"]))
        if not (kind in TRAINERS and PurePosixPath(file["path"]).name == "metrics.jsonl")
    ]
    return sha256_canonical({"kind": kind, "files": counted, "counts": counts})
