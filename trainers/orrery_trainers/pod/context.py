"""The context of a stage program: its settings, its inputs and its outputs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from orrery_trainers.pod.claims import refuse_if_fenced
from orrery_trainers.pod.complaints import shorten
from orrery_trainers.pod.environment import number, required
from orrery_trainers.pod.failures import DependencyDown, InvalidInput
from orrery_trainers.pod.inputs import input_folder, verified_files
from orrery_trainers.pod.logs import Logger
from orrery_trainers.pod.parts import fault_of_part, publish_part
from orrery_trainers.pod.progress import ProgressFile
from orrery_trainers.pod.stage_file import read_stage_file
from orrery_trainers.pod.stopping import Stop

if TYPE_CHECKING:
    from orrery_trainers.pod.stage_types import TrainerStage

S = TypeVar("S", bound="TrainerStage", covariant=True)
"""Type of the stage file, for example ``StageContext[SftStage]``."""


@dataclass
class StageContext(Generic[S]):
    """The stage of one pod, its rank in the gang, its inputs and its outputs."""

    stage: S
    """The checked stage file (``StageFile`` of spec/stage-file.ts)."""
    store: Path
    directory: Path
    """This stage's folder in the store."""
    attempt: int
    rank: int
    world_size: int
    log: Logger
    micro_batch_scale: float = 1.0
    """Factor for the configured micro-batch, in (0, 1]; below 1 after running out of memory."""
    checkpoint_before: int | None = None
    """After a divergence, training resumes from a checkpoint of an optimizer step below this one."""
    stop: Stop = field(default_factory=Stop)
    """State of SIGTERM: whether it has come, and whether it may interrupt the program now."""

    @classmethod
    def from_environment(cls, kind: str, environment: dict[str, str] | None = None) -> StageContext[Any]:
        """Read and check the environment and the stage file.

        kind: the stage kind that the program can run.
        Raises InvalidInput naming the file or variable, the field, the expected value and the actual one.
        """
        env = os.environ if environment is None else environment
        file = Path(required(env, "ORRERY_STAGE_FILE"))
        store = Path(required(env, "ORRERY_STORE"))
        attempt = number(env, "ORRERY_ATTEMPT", int, default=None, least=0)
        rank = number(env, "RANK", int, default=0, least=0)
        stage = read_stage_file(file, kind)
        directory = store / "stages" / stage["key"]
        if file.resolve().parent != directory.resolve():
            raise InvalidInput(
                f"environment: ORRERY_STAGE_FILE: expected {directory / 'stage.json'}, the folder of the stage's key, "
                f"but got {file}"
            )
        before = env.get("ORRERY_CHECKPOINT_BEFORE")
        return cls(
            stage=stage,
            store=store,
            directory=directory,
            attempt=attempt,
            rank=rank,
            world_size=number(env, "WORLD_SIZE", int, default=1, least=1),
            log=Logger(stage=stage["name"], attempt=attempt, rank=rank),
            micro_batch_scale=number(env, "ORRERY_MICRO_BATCH_SCALE", float, default=1.0, least=0.0),
            checkpoint_before=None if before is None else number(env, "ORRERY_CHECKPOINT_BEFORE", int, least=0),
        )

    @property
    def is_main(self) -> bool:
        """Whether this is the rank that publishes."""
        return self.rank == 0

    @property
    def data(self) -> Path:
        """Folder of the stage's outputs."""
        return self.directory / "data"

    # --- inputs ---

    def input_directory(self, role: str) -> Path:
        """Folder of the input stage of ``role``.

        Raises InvalidInput if the stage has no such input, DependencyDown if its manifest is missing.
        """
        return input_folder(self.store, self.stage["inputs"], role)

    def input_files(self, role: str, name: str) -> list[Path]:
        """Files of an input, sorted by name, after their hashes were checked.

        name: ``solutions.jsonl`` stands for all its parts, ``policy/`` for all files in that folder.
        Raises InvalidInput if there is no such file, if a file is damaged, or if the manifest describes another result
        than the stage was planned with; DependencyDown if the manifest is damaged or missing.
        """
        return verified_files(self.store, self.stage["inputs"], role, name)

    def input_records(self, role: str, name: str) -> Iterator[dict[str, Any]]:
        """Records of all parts of a JSONL input. Raises InvalidInput naming file and line."""
        for file in self.input_files(role, name):
            with file.open(encoding="utf-8") as lines:
                for line_number, line in enumerate(lines, start=1):
                    try:
                        record = json.loads(line)
                    except json.JSONDecodeError as error:
                        raise InvalidInput(f"{file}:{line_number}: expected JSON: {error}") from None
                    if not isinstance(record, dict):
                        raise InvalidInput(f"{file}:{line_number}: expected an object, but got {shorten(record)}")
                    yield record

    def policy_directory(self) -> Path:
        """Folder of the initial weights in Hugging Face layout: the input ``policy``, or the campaign's ``policy.uri``.

        Raises InvalidInput if the stage has neither, DependencyDown if the folder is missing.
        """
        if "policy" in self.stage["inputs"]:
            return self.input_files("policy", "policy/")[0].parent
        policy = self.stage["policy"]
        if policy["type"] != "pretrained":
            raise InvalidInput("stage file: policy.uri: expected initial weights (or an input policy), but got neither")
        folder = Path(policy["uri"].removeprefix("file://"))
        if not folder.is_dir():
            raise DependencyDown(f"{folder}: expected a folder with weights (policy.uri), but it is not there")
        return folder

    # --- outputs ---

    @cached_property
    def progress(self) -> ProgressFile:
        """The progress file of this pod. The worker reads it."""
        return ProgressFile(
            self.directory / "progress" / f"{self.rank:05d}.json", self.attempt, self.fence, self.log.warn
        )

    def fence(self) -> None:
        """Raise Fenced if a later attempt has claimed the stage. Call it immediately before every publication."""
        refuse_if_fenced(self.directory, self.attempt)

    def is_published(self) -> bool:
        """Whether this or an earlier attempt has published the part. A damaged part does not count."""
        try:
            fault = fault_of_part(self.directory)
        except FileNotFoundError:
            return False
        if fault is not None:
            self.log.warn("this part is published, but its files are damaged; making it again", fault=fault)
        return fault is None

    def publish(self, files: list[Path], counts: dict[str, float]) -> None:
        """Hash the files, make them durable, and publish this part (``PartManifest`` of spec/manifest.ts).

        Raises Fenced if a later attempt has claimed the stage.
        """
        publish_part(self.directory, self.attempt, files, counts, self.fence)
        self.log.info("part published", files=len(files), counts=counts)
