"""The stage file (``StageFile`` of spec/stage-file.ts): the complete input of a program, checked before it is used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from orrery_trainers.paths import PROJECT
from orrery_trainers.pod.complaints import complaints, shorten
from orrery_trainers.pod.failures import DependencyDown, InvalidInput
from orrery_trainers.pod.stage_key import stage_key

if TYPE_CHECKING:
    from orrery_trainers.pod.stage_types import TrainerStage

# @loads spec/schemas/stage-file-{kind}.json
SCHEMAS = PROJECT / "spec" / "schemas"


def read_stage_file(file: Path, kind: str) -> TrainerStage:
    """Read a stage file. Check it against the schema exported from spec/, and check its key.

    Raises InvalidInput with every bad field; DependencyDown if the key does not match the content.
    """
    import jsonschema

    try:
        stage = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidInput(f"{file}: expected a stage file, but there is none (ORRERY_STAGE_FILE)") from None
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{file}: expected JSON: {error}") from None
    came = stage.get("kind") if isinstance(stage, dict) else stage
    if came != kind:
        raise InvalidInput(f"{file}: kind: expected {kind!r}, but got {shorten(came)}")
    schema = json.loads((SCHEMAS / f"stage-file-{kind}.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    faults = sorted(validator.iter_errors(stage), key=lambda error: [str(part) for part in error.absolute_path])
    if faults:
        lines = "; ".join(line for fault in faults for line in complaints(fault))
        raise InvalidInput(f"{file} is not valid: {lines}")
    if (key := stage_key(stage)) != stage["key"]:
        raise DependencyDown(
            f"{file} is damaged: its content has the key {key}, but it says {stage['key']}; "
            "the next attempt writes it again"
        )
    return stage
