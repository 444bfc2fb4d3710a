"""What a program of a pod knows, and its ways in and out."""

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
"""Stage file of one kind: ``StageContext[SftStage]``."""


@dataclass
class StageContext(Generic[S]):
    """What one pod knows: the stage, its place in the gang, and the ways out."""

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
    """Share of the configured micro-batch that is used: below 1 after an out-of-memory."""
    checkpoint_before: int | None = None
    """After a divergence: training goes on from a checkpoint of an earlier optimizer step than this."""
    stop: Stop = field(default_factory=Stop)
    """SIGTERM: save, then stop."""

    @classmethod
    def from_environment(cls, kind: str, environment: dict[str, str] | None = None) -> StageContext[Any]:
        """Read and check everything at the door.

        kind: the stage kind that the program can run.
        Raises InvalidInput naming the file or variable, the field, what was expected and what came.
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
        """Whether this rank publishes."""
        return self.rank == 0

    @property
    def data(self) -> Path:
        """Folder of the stage's outputs."""
        return self.directory / "data"

    # --- inputs ---

    def input_directory(self, role: str) -> Path:
        """Folder of the input stage of ``role``.

        Raises InvalidInput if the stage has no such input, DependencyDown if its manifest is not there.
        """
        return input_folder(self.store, self.stage["inputs"], role)

    def input_files(self, role: str, name: str) -> list[Path]:
        """Verified files of an input: ``solutions.jsonl`` is all its parts, ``policy/`` everything in that folder.

        Returns them in the order of their names.
        Raises InvalidInput when there is none, when one is not what its manifest says, or when the manifest is not of
        the outputs that the stage was planned with; DependencyDown when the manifest does not hold.
        """
        return verified_files(self.store, self.stage["inputs"], role, name)

    def input_records(self, role: str, name: str) -> Iterator[dict[str, Any]]:
        """Records of a JSONL input, over all its parts. Raises InvalidInput naming file and line."""
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
        """Weights to start from, in Hugging Face layout: the input ``policy``, or the campaign's pretrained one."""
        if "policy" in self.stage["inputs"]:
            return self.input_files("policy", "policy/")[0].parent
        policy = self.stage["policy"]
        if policy["type"] != "pretrained":
            raise InvalidInput(
                "stage file: policy.uri: expected weights to start from (or an input policy), but got neither"
            )
        folder = Path(policy["uri"].removeprefix("file://"))
        if not folder.is_dir():
            raise DependencyDown(f"{folder}: expected a folder with weights (policy.uri), but it is not there")
        return folder

    # --- outputs ---

    @cached_property
    def progress(self) -> ProgressFile:
        """How far this pod is, for the worker to read."""
        return ProgressFile(
            self.directory / "progress" / f"{self.rank:05d}.json", self.attempt, self.fence, self.log.warn
        )

    def fence(self) -> None:
        """Raise Fenced if a later attempt has claimed the stage. Called right before anything is published."""
        refuse_if_fenced(self.directory, self.attempt)

    def is_published(self) -> bool:
        """Whether this part is done, by whichever attempt. One whose files are not what it says counts for nothing."""
        try:
            fault = fault_of_part(self.directory)
        except FileNotFoundError:
            return False
        if fault is not None:
            self.log.warn("part is published, but damaged; it is made again", fault=fault)
        return fault is None

    def publish(self, files: list[Path], counts: dict[str, float]) -> None:
        """Hash the files, make them durable, and say that this part is done (``PartManifest`` of spec/manifest.ts)."""
        publish_part(self.directory, self.attempt, files, counts, self.fence)
        self.log.info("part published", files=len(files), counts=counts)
