"""Writes that survive a kill at any instruction: write under a temporary name, fsync, rename."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

THREADS = min(8, (os.cpu_count() or 1) + 1)
"""Files that are hashed or synced in parallel. Hashing releases the GIL, and syncing waits for the disk."""

SHA256 = "sha256"
"""For files that another stage reads: their hashes become part of keys, so no second file may have the same hash."""
XXH3 = "xxh3_128"
"""For checkpoints: as sure as SHA-256 to find damage by accident, and ten times as fast (docs/adr/0015)."""


def hash_of(file: Path, algorithm: str) -> str:
    """Hash of a file's bytes, in hexadecimal. algorithm: SHA256 or XXH3."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, _new_hash(algorithm)).hexdigest()


def _new_hash(algorithm: str) -> Callable[[], Any]:
    if algorithm == SHA256:
        return hashlib.sha256
    import xxhash  # only trainers need it: a policy server starts without it

    return xxhash.xxh3_128


def fsync_path(path: Path) -> None:
    """Make a file's bytes, or a folder's entries, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(file: Path, value: Any, *, durable: bool = True) -> None:
    """Replace a JSON file atomically: a reader sees the old content or the new one.

    durable: fsync the file and its folder. Progress does not need it, because the next report repeats it.
    Raises ValueError for a number that is not finite.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as stream:
            json.dump(value, stream, ensure_ascii=False, allow_nan=False)
            stream.write("\n")
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        fsync_path(file.parent)


def replace_folder(new: Path, place: Path) -> None:
    """Move the folder ``new`` to ``place`` and remove the folder that was there. Both are on one file system.

    After a kill between the two renames there is no folder at ``place``; readers treat it as not written yet.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    old = place.with_name(f".{place.name}.old.{os.getpid()}")
    if place.exists():
        place.rename(old)
    new.rename(place)
    fsync_path(place.parent)
    shutil.rmtree(old, ignore_errors=True)


def durable_entries(files: Iterable[Path], base: Path, algorithm: str = SHA256) -> list[dict[str, Any]]:
    """Make files durable, and return an entry of each: path from ``base``, bytes, hash under the name of its algorithm.

    With SHA256 an entry is a FileEntry of spec/manifest.ts. Hashing and syncing run in parallel: the new bytes are
    still in memory, and the disk needs no processor time.
    The folders of the files, from ``base`` down, become durable too. Raises OSError.
    """
    paths = sorted(files)
    folders = {folder for path in paths for folder in path.parents if folder == base or base in folder.parents}
    with ThreadPoolExecutor(THREADS) as syncing:
        synced = [syncing.submit(fsync_path, path) for path in paths]
        hashes = hashes_of(paths, [algorithm] * len(paths))
        for one in synced:
            one.result()
    for folder in sorted(folders, reverse=True):
        fsync_path(folder)
    return [
        {"path": path.relative_to(base).as_posix(), algorithm: hashed, "bytes": path.stat().st_size}
        for path, hashed in zip(paths, hashes, strict=True)
    ]


def hashes_of(paths: list[Path], algorithms: list[str]) -> list[str]:
    """The hash of every file, several in parallel. The largest file starts first, because it takes longest."""
    by_size = sorted(zip(paths, algorithms, strict=True), key=lambda one: -one[0].stat().st_size)
    with ThreadPoolExecutor(THREADS) as pool:
        hashes = {path: pool.submit(hash_of, path, algorithm) for path, algorithm in by_size}
        return [hashes[path].result() for path in paths]


def size_fault(entries: list[dict[str, Any]], base: Path) -> str | None:
    """The first file that is missing or has another size than its FileEntry says; None if there is none."""
    for entry in entries:
        file = base / entry["path"]
        if not file.is_file():
            return f"{entry['path']}: file missing"
        if (size := file.stat().st_size) != entry["bytes"]:
            return f"{entry['path']}: expected {entry['bytes']} bytes, got {size}"
    return None


def fault_in(entries: list[dict[str, Any]], base: Path, algorithms: Sequence[str] = (SHA256,)) -> str | None:
    """The first file that does not match its entry, and why; None if all match. Sizes are checked before hashes.

    algorithms: those of which each entry must have a hash. Raises KeyError if an entry has none.
    """
    if (fault := size_fault(entries, base)) is not None:
        return fault
    named = [next((one for one in algorithms if one in entry), algorithms[0]) for entry in entries]
    hashes = hashes_of([base / entry["path"] for entry in entries], named)
    for entry, algorithm, hashed in zip(entries, named, hashes, strict=True):
        if hashed != entry[algorithm]:
            return f"{entry['path']}: {algorithm} differs"
    return None
