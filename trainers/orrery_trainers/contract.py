"""The pod contract (docs/architecture.md) in Python: stage file in; progress, parts and an exit code out.

A program is ``run_program('sft', train)``, where ``train(context)`` does the work and publishes. This module imports
neither torch nor TRL, so that bad input is refused in milliseconds and not after their import.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from .failures import DependencyDown, Fenced, InvalidInput, Terminated, failure_of
from .files import durable_entries, fault_in, write_json
from .inputs import input_folder, verified_files
from .logs import Logger, adopt_library_logs
from .manifests import checksum_of
from .progress import ProgressFile, utc_now
from .stacks import stacks_on_demand
from .stage_key import stage_key
from .stopping import Interrupted, Stop

# @loads spec/schemas/stage-file.json
SCHEMA = Path(__file__).resolve().parents[2] / "spec" / "schemas" / "stage-file.json"


@dataclass
class StageContext:
    """What one pod knows: the stage, its place in the gang, and the ways out."""

    stage: dict[str, Any]
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
    def from_environment(cls, kind: str, environment: dict[str, str] | None = None) -> StageContext:
        """Read and check everything at the door.

        kind: the stage kind that the program can run.
        Raises InvalidInput naming the file or variable, the field, what was expected and what came.
        """
        env = os.environ if environment is None else environment
        file = Path(_required(env, "ORRERY_STAGE_FILE"))
        store = Path(_required(env, "ORRERY_STORE"))
        attempt = _number(env, "ORRERY_ATTEMPT", int, default=None, least=0)
        rank = _number(env, "RANK", int, default=0, least=0)
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
            world_size=_number(env, "WORLD_SIZE", int, default=1, least=1),
            log=Logger(stage=stage["name"], attempt=attempt, rank=rank),
            micro_batch_scale=_number(env, "ORRERY_MICRO_BATCH_SCALE", float, default=1.0, least=0.0),
            checkpoint_before=None if before is None else _number(env, "ORRERY_CHECKPOINT_BEFORE", int, least=0),
        )

    @property
    def config(self) -> dict[str, Any]:
        """Settings of the stage, as spec/stages.ts has them."""
        return self.stage["config"]

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
                for number, line in enumerate(lines, start=1):
                    try:
                        record = json.loads(line)
                    except json.JSONDecodeError as error:
                        raise InvalidInput(f"{file}:{number}: expected JSON: {error}") from None
                    if not isinstance(record, dict):
                        raise InvalidInput(f"{file}:{number}: expected an object, but got {_shorten(record)}")
                    yield record

    def policy_directory(self) -> Path:
        """Weights to start from, in Hugging Face layout: the input ``policy``, or the campaign's pretrained one."""
        if "policy" in self.stage["inputs"]:
            return self.input_files("policy", "policy/")[0].parent
        uri = self.stage["policy"].get("uri")
        if uri is None:
            raise InvalidInput(
                "stage file: policy.uri: expected weights to start from (or an input policy), but got neither"
            )
        folder = Path(uri.removeprefix("file://"))
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
        """Raise Fenced if a later attempt has claimed the stage. Called right before anything is published.

        What is assumed of the store: that a claim is seen by whoever lists ``claims/`` after it. Where a listing may be
        stale (NFS keeps one for some seconds), an attempt can publish once more; then it is passed over (resume.py).
        Raises DependencyDown if this attempt's own claim is not there: then the store is another, or gone.
        """
        claims = self.directory / "claims"
        numbers = {int(file.stem) for file in claims.glob("*.json") if file.stem.isdigit()}
        if self.attempt not in numbers:
            raise DependencyDown(
                f"{claims}: expected the claim of attempt {self.attempt}, but it is not there; is the store mounted?"
            )
        if max(numbers) > self.attempt:
            raise Fenced(f"attempt {max(numbers)} has claimed the stage; attempt {self.attempt} writes nothing more")

    @property
    def part_file(self) -> Path:
        """Where this pod publishes. A gang publishes from rank 0, as part 0."""
        return self.directory / "parts" / "00000.json"

    def is_published(self) -> bool:
        """Whether this part is done, by whichever attempt. One whose files are not what it says counts for nothing."""
        try:
            part = json.loads(self.part_file.read_text(encoding="utf-8"))
            # A part of an older version has no checksum.
            holds = "checksum" not in part or part["checksum"] == checksum_of(part)
            fault = fault_in(part["files"], self.directory) if holds else "its checksum is not that of what it says"
        except FileNotFoundError:
            return False
        except (ValueError, KeyError, TypeError) as error:
            fault = f"{type(error).__name__}: {error}"
        if fault is not None:
            self.log.warn("part is published, but damaged; it is made again", fault=fault)
        return fault is None

    def publish(self, files: list[Path], counts: dict[str, float]) -> None:
        """Hash the files, make them durable, and say that this part is done (``PartManifest`` of spec/manifest.ts)."""
        manifest = {
            "part": 0,
            "attempt": self.attempt,
            "files": durable_entries(files, self.directory),
            "counts": counts,
            "finishedAt": utc_now(),
        }
        self.fence()
        write_json(self.part_file, {**manifest, "checksum": checksum_of(manifest)})
        self.log.info("part published", files=len(files), counts=counts)


def read_stage_file(file: Path, kind: str) -> dict[str, Any]:
    """Read a stage file, checked against the schema exported from spec/ and by its key.

    Raises InvalidInput with every bad field; DependencyDown when it says other things than its key was made of.
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
        raise InvalidInput(f"{file}: kind: expected {kind!r}, but got {_shorten(came)}")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    # The branch of this kind alone: "is not valid under any of the given schemas" would help nobody.
    branch = next(one for one in schema["oneOf"] if one["properties"]["kind"]["const"] == kind)
    validator = jsonschema.Draft202012Validator({**branch, "$defs": schema.get("$defs", {})})
    faults = sorted(validator.iter_errors(stage), key=lambda error: [str(part) for part in error.absolute_path])
    if faults:
        lines = "; ".join(line for fault in faults for line in _complaints(fault))
        raise InvalidInput(f"{file} is not valid: {lines}")
    if (key := stage_key(stage)) != stage["key"]:
        raise DependencyDown(
            f"{file} does not hold: what it says makes the key {key}, but it says {stage['key']}; "
            "the next attempt writes it anew"
        )
    return stage


def run_program(kind: str, work: Callable[[StageContext], None]) -> NoReturn:
    """Run a stage program to its exit code. SIGTERM tells ``context.stop``; ``work`` saves and raises Terminated."""
    stacks_on_demand()
    sys.exit(exit_code_of(kind, work))


def exit_code_of(kind: str, work: Callable[[StageContext], None]) -> int:
    """What :func:`run_program` exits with; the last line on stderr says in words what went wrong."""
    log = Logger()
    try:
        context = StageContext.from_environment(kind)
        log = context.log
        adopt_library_logs(log)
        signal.signal(signal.SIGTERM, context.stop.on_signal)
        if context.is_published():
            log.info("part is already published; nothing to do")
            return 0
        log.info("stage program started", kind=kind, key=context.stage["key"])
        context.stop.let_in()  # while it loads there is nothing to save
        work(context)
        return 0
    except Interrupted:
        return _stopped(log, Terminated("SIGTERM: stopped before the first optimizer step; there was nothing to save"))
    except Terminated as stopped:
        return _stopped(log, stopped)
    except Exception as error:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends anyway, and is to say why
        failure = failure_of(error)
        code = failure.exit_code if failure else 1
        log.error("stage program failed", exitCode=code, error=type(error).__name__, stack=traceback.format_exc())
        print(failure or f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return code


def _stopped(log: Logger, stopped: Terminated) -> int:
    log.info("stopped by SIGTERM")
    print(stopped, file=sys.stderr, flush=True)
    return stopped.exit_code


def _complaints(fault: Any) -> list[str]:
    """A jsonschema error as 'field: what was expected, but got ...', one a bad field, as spec/errors.ts words it."""
    at = ".".join(str(part) for part in fault.absolute_path)
    if fault.validator == "oneOf" and fault.context:  # a union: speak of the branch that fits best
        best = min({one.schema_path[0] for one in fault.context}, key=lambda i: _distance(fault, i))
        return [line for one in fault.context if one.schema_path[0] == best for line in _complaints(one)]
    if fault.validator == "required":
        missing = [name for name in fault.validator_value if name not in fault.instance]
        return [f"{_join(at, name)}: expected a value, but got nothing" for name in missing]
    if fault.validator == "additionalProperties" and fault.validator_value is False:
        extra = [name for name in fault.instance if name not in fault.schema.get("properties", {})]
        return [f"{_join(at, name)}: no such field here; is it misspelt?" for name in extra]
    return [f"{at or '(top level)'}: {_expected(fault)}, but got {_shorten(fault.instance)}"]


def _distance(fault: Any, branch: int | str) -> int:
    errors = [one for one in fault.context if one.schema_path[0] == branch]
    return len(errors) + 100 * sum(one.validator == "const" for one in errors)


_EXPECTATIONS = {
    "type": "expected {}",
    "const": "expected {!r}",
    "enum": "expected one of {}",
    "minimum": "expected a number not below {}",
    "maximum": "expected a number not above {}",
    "exclusiveMinimum": "expected a number above {}",
    "exclusiveMaximum": "expected a number below {}",
    "minLength": "expected text of at least {} characters",
    "maxLength": "expected text of at most {} characters",
    "minItems": "expected at least {} items",
    "pattern": "expected text that matches {}",
}


def _expected(fault: Any) -> str:
    wording = _EXPECTATIONS.get(fault.validator)
    return wording.format(fault.validator_value) if wording else f"expected {fault.validator} {fault.validator_value}"


def _required(env: Any, name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise InvalidInput(f"environment: {name}: expected a path, but it is not set")
    return value


def _number(env: Any, name: str, parse: type, default: Any = None, least: float = 0) -> Any:
    text = env.get(name)
    if text is None and default is not None:
        return default
    try:
        value = parse(text)
    except (TypeError, ValueError):
        value = None
    if value is None or not math.isfinite(value) or value < least:
        what = "a whole number" if parse is int else "a number"
        raise InvalidInput(f"environment: {name}: expected {what} not below {least}, but got {text!r}")
    return value


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _shorten(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
