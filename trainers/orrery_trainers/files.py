"""Files that survive a kill at any instruction: written under a temporary name, fsynced, renamed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any


def sha256_of(file: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fsync_path(path: Path) -> None:
    """Make a file's bytes, or a folder's entries, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_tree(folder: Path) -> None:
    """Make every file and folder below ``folder``, and ``folder`` itself, durable."""
    for path in sorted(folder.rglob("*"), reverse=True):
        fsync_path(path)
    fsync_path(folder)


def write_json(file: Path, value: Any, *, durable: bool = True) -> None:
    """Replace a JSON file as a whole; a reader sees the old one or the new one.

    durable: fsync the file and its folder. Progress, which is told again in a moment, goes without.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as stream:
        json.dump(value, stream, ensure_ascii=False, allow_nan=False)
        stream.write("\n")
        if durable:
            stream.flush()
            os.fsync(stream.fileno())
    temporary.replace(file)
    if durable:
        fsync_path(file.parent)


def replace_folder(new: Path, place: Path) -> None:
    """Put the (durable) folder ``new`` in the place of ``place``, which may exist; both lie on one file system.

    Killed between the two renames, nothing is at ``place``: readers take that for "not there yet".
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    old = place.with_name(f".{place.name}.old.{os.getpid()}")
    if place.exists():
        place.rename(old)
    new.rename(place)
    fsync_path(place.parent)
    shutil.rmtree(old, ignore_errors=True)


def entries_of(paths: list[Path], base: Path) -> list[dict[str, Any]]:
    """FileEntry (spec/manifest.ts) of every file: path relative to ``base``, sha256, bytes."""
    return [
        {"path": path.relative_to(base).as_posix(), "sha256": sha256_of(path), "bytes": path.stat().st_size}
        for path in sorted(paths)
    ]


def fault_of(entry: dict[str, Any], base: Path) -> str | None:
    """Why the file of a FileEntry is not what was written; None if it is. Size first: it costs nothing."""
    file = base / entry["path"]
    if not file.is_file():
        return f"{entry['path']}: file missing"
    if (size := file.stat().st_size) != entry["bytes"]:
        return f"{entry['path']}: expected {entry['bytes']} bytes, got {size}"
    if sha256_of(file) != entry["sha256"]:
        return f"{entry['path']}: sha256 differs"
    return None
