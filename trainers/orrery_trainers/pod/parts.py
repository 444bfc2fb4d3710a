"""Parts: the outputs of one pod of a stage (``PartManifest`` of spec/manifest.ts).

The part file is written last, so its existence means that the pod is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from orrery_trainers.pod.clock import utc_now
from orrery_trainers.store.files import durable_entries, fault_in, write_json
from orrery_trainers.store.manifests import checksum_of


def part_file(stage: Path) -> Path:
    """Path of a trainer's part file. In a gang, rank 0 publishes part 0."""
    return stage / "parts" / "00000.json"


def fault_of_part(stage: Path) -> str | None:
    """Why the published part is damaged; None if its files match it.

    Raises FileNotFoundError if no part is published.
    """
    try:
        part = json.loads(part_file(stage).read_text(encoding="utf-8"))
        # An older version wrote parts without a checksum.
        if "checksum" in part and part["checksum"] != checksum_of(part):
            return "its checksum does not match its content"
        return fault_in(part["files"], stage)
    except (ValueError, KeyError, TypeError) as error:
        return f"{type(error).__name__}: {error}"


def publish_part(
    stage: Path, attempt: int, files: list[Path], counts: dict[str, float], fence: Callable[[], None]
) -> None:
    """Hash the files, make them durable, then write the part file.

    counts: facts of the stage, by name. fence: raises if this attempt must not write any more; called immediately
    before the write.
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
