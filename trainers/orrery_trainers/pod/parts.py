"""Parts: what one pod has made of a stage (``PartManifest`` of spec/manifest.ts). Written last, so there means done."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from orrery_trainers.pod.clock import utc_now
from orrery_trainers.store.files import durable_entries, fault_in, write_json
from orrery_trainers.store.manifests import checksum_of


def part_file(stage: Path) -> Path:
    """Where a trainer publishes. A gang publishes from rank 0, as part 0."""
    return stage / "parts" / "00000.json"


def fault_of_part(stage: Path) -> str | None:
    """Why the published part does not count; None if its files are what it says.

    Raises FileNotFoundError when nothing is published.
    """
    try:
        part = json.loads(part_file(stage).read_text(encoding="utf-8"))
        # A part of an older version has no checksum.
        if "checksum" in part and part["checksum"] != checksum_of(part):
            return "its checksum is not that of what it says"
        return fault_in(part["files"], stage)
    except (ValueError, KeyError, TypeError) as error:
        return f"{type(error).__name__}: {error}"


def publish_part(
    stage: Path, attempt: int, files: list[Path], counts: dict[str, float], fence: Callable[[], None]
) -> None:
    """Hash the files, make them durable, then write the part.

    fence: raises if this attempt may not write any more; asked right before the write.
    """
    part = {
        "part": 0,
        "attempt": attempt,
        "files": durable_entries(files, stage),
        "counts": counts,
        "finishedAt": utc_now(),
    }
    fence()
    write_json(part_file(stage), {**part, "checksum": checksum_of(part)})
