"""The policy server: OpenAI-compatible completions of one model, on a CPU or a GPU.

In a pod, ``python -m orrery_trainers.serving.policy_server`` reads ORRERY_STAGE_FILE, ORRERY_STORE and
ORRERY_POLICY_PORT (docs/architecture.md). By hand,
``python -m orrery_trainers.serving.policy_server --model DIR --port 8000``.

    POST /v1/completions   see completions.py
    POST /tokenize         the tokens of a prompt, and the context, as vLLM has it
    GET /v1/models         the model, with its context in tokens
    GET /health            200 while decoding works
    GET /metrics           Prometheus text, with vLLM's names

Settings, as environment: ORRERY_POLICY_HOST (127.0.0.1), ORRERY_POLICY_DTYPE (auto: bfloat16 weights as they are where
the processor or GPU computes with them, all else in float32; or float32, float64, bfloat16), ORRERY_POLICY_ROWS (256
sequences at a time), ORRERY_POLICY_CACHE_MIB (4096, for what is being written), ORRERY_POLICY_PREFIX_MIB (512, for
prompts that others may go on from). Bounds of what clients may hold: ORRERY_POLICY_WAITING (16384 sequences that wait),
ORRERY_POLICY_WAITING_SECONDS (600, after which a request that was not begun is refused), ORRERY_POLICY_CONNECTIONS
(2048), ORRERY_POLICY_BODY_MIB (4), ORRERY_POLICY_RECEIVE_SECONDS (30, to send a request in). SIGTERM ends the server at
once, with 0: it has nothing to save. SIGUSR1 prints its stacks.

Equal seeds: a completion is a function of the model, its prompt, the request's seed, and its index in the request. What
else is in the batch changes nothing about its random numbers; and nothing about its logits where NumPy computes them
(llama.py), so there the text is the same in any crowd. Under transformers the last bits of logits may differ, which can
turn a token whose random number lies that close to a border: about one in a million.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orrery_trainers.models.policy_model import ModelError, load_model
from orrery_trainers.models.sampling import stream_key
from orrery_trainers.pod.code_version import refuse_other_code
from orrery_trainers.pod.failures import DependencyDown, InvalidInput, StageFailure, failure_of
from orrery_trainers.pod.inputs import verified_files
from orrery_trainers.pod.logs import Logger
from orrery_trainers.pod.stacks import print_stacks_on_sigusr1
from orrery_trainers.serving.engine import Engine, EngineLimits, Sequence
from orrery_trainers.serving.text import StopStrings, Text

if TYPE_CHECKING:
    from orrery_trainers.pod.stage_types import Input

FIRST_TOKEN_SECONDS = 120.0
DTYPES = "auto", "float32", "float64", "bfloat16"


@dataclass(frozen=True)
class Settings:
    """What to serve, and where."""

    folder: Path
    name: str
    """What the model is called to clients."""
    host: str
    port: int
    dtype: str = "auto"
    prefix_bytes: int = 0
    limits: EngineLimits = field(default_factory=EngineLimits)
    waiting_seconds: int = 600
    connections: int = 2048
    body_bytes: int = 4 * 2**20
    receive_seconds: int = 30


def main(arguments: list[str] | None = None) -> int:
    """Run the server; returns its exit code when it could not start, and does not return otherwise."""
    print_stacks_on_sigusr1()
    started, log = time.monotonic(), Logger(program="policy-server")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # a prompt at a time; the cores are the model's
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    try:
        settings = read_settings(_parse(arguments), os.environ)
        listener = _listen(settings)
        text = Text(settings.folder)
        model = load_model(settings.folder, settings.dtype, settings.prefix_bytes)
        engine = Engine(model, text, settings.limits)
        _decode_one_token(engine, text)
    except ModelError as error:
        return _refuse(InvalidInput(str(error)))
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        return _refuse(failure)

    from orrery_trainers.serving.http_limits import HttpLimits
    from orrery_trainers.serving.policy_api import connections_possible, create_app, serve

    limits = HttpLimits(
        connections=connections_possible(settings.connections),
        body_bytes=settings.body_bytes,
        receive_seconds=settings.receive_seconds,
    )
    app = create_app(engine, text, model, settings.name, limits, settings.waiting_seconds)
    log.info(
        "policy server ready",
        model=settings.name,
        engine=model.kind,
        port=settings.port,
        seconds=round(time.monotonic() - started, 2),
    )
    serve(app, listener, limits)
    return 0


def read_settings(options: argparse.Namespace, environment: Mapping[str, str]) -> Settings:
    """Put together flags and environment. Raises InvalidInput naming the flag, variable or field."""
    folder, name = (options.model, options.model.name) if options.model else _policy_of_stage(environment)
    port = options.port if options.port is not None else _number(environment, "ORRERY_POLICY_PORT", None, 0, 65_535)
    dtype = environment.get("ORRERY_POLICY_DTYPE") or "auto"
    if dtype not in DTYPES:
        raise InvalidInput(f"ORRERY_POLICY_DTYPE: expected one of {', '.join(DTYPES)}, but got {dtype!r}")
    limits = EngineLimits(
        rows=_number(environment, "ORRERY_POLICY_ROWS", 256, 1, 65_536),
        cache_bytes=_number(environment, "ORRERY_POLICY_CACHE_MIB", 4096, 1, 2**20) * 2**20,
        waiting=_number(environment, "ORRERY_POLICY_WAITING", 16_384, 1, 2**20),
    )
    prefix_bytes = _number(environment, "ORRERY_POLICY_PREFIX_MIB", 512, 0, 2**20) * 2**20
    host = environment.get("ORRERY_POLICY_HOST") or "127.0.0.1"
    return Settings(
        folder,
        name,
        host,
        port,
        dtype,
        prefix_bytes,
        limits,
        waiting_seconds=_number(environment, "ORRERY_POLICY_WAITING_SECONDS", 600, 1, 86_400),
        connections=_number(environment, "ORRERY_POLICY_CONNECTIONS", 2048, 4, 65_536),
        body_bytes=_number(environment, "ORRERY_POLICY_BODY_MIB", 4, 1, 1024) * 2**20,
        receive_seconds=_number(environment, "ORRERY_POLICY_RECEIVE_SECONDS", 30, 1, 3600),
    )


def _policy_of_stage(environment: Mapping[str, str]) -> tuple[Path, str]:
    """Folder and name of the policy that the stage samples: its input `policy`, or weights that the campaign names.

    An input is verified (inputs.py): other weights than the planned ones would give a wrong result under a right key.
    """
    file = environment.get("ORRERY_STAGE_FILE")
    if not file:
        raise InvalidInput("ORRERY_STAGE_FILE: expected the path of a stage file, but got nothing; or give --model DIR")
    try:
        stage: dict[str, Any] = json.loads(Path(file).read_text(encoding="utf-8"))
        refuse_other_code(stage, Path(file).parent, "policyServer")
        policy, given = stage["policy"], stage["inputs"].get("policy")
        if given is None and policy["type"] == "pretrained":
            return Path(policy["uri"]), policy["name"]
        if given is None:
            raise InvalidInput(f"{file}: inputs.policy: expected the stage that made the policy, but got nothing")
        name = policy["name"]
        made: Input = {"kind": given["kind"], "key": given["key"], "digest": given["digest"]}
    except OSError as error:
        raise failure_of(error) or InvalidInput(f"{file}: expected a stage file: {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"{file}: expected a stage file with policy and inputs: {type(error).__name__}: {error}"
        ) from None
    store = environment.get("ORRERY_STORE")
    if not store:
        raise InvalidInput("ORRERY_STORE: expected the folder of the store, but got nothing")
    return verified_files(Path(store), {"policy": made}, "policy", "policy/")[0].parent, name


def _listen(settings: Settings) -> socket.socket:
    """Take the port before anything slow is done, so that a taken one is told at once."""
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        raise DependencyDown(
            f"port {settings.port} of {settings.host} cannot be taken: {error}; end what uses it"
        ) from None
    return listener


def _decode_one_token(engine: Engine, text: Text) -> None:
    """Prove that decoding works before anyone is told so. Raises ModelError."""
    ended, errors = threading.Event(), []

    def done(_: Sequence, error: Exception | None) -> None:
        errors.append(error)
        ended.set()

    prompt = [next(iter(text.end_tokens))]
    engine.submit([Sequence(prompt, 1, 0.0, 1.0, StopStrings((), text), False, stream_key(0, 0, 0), done)])
    if not ended.wait(FIRST_TOKEN_SECONDS):
        raise ModelError(f"the model did not give a token within {FIRST_TOKEN_SECONDS:.0f} s")
    if errors[0] is not None:
        raise ModelError(f"the model does not decode: {type(errors[0]).__name__}: {errors[0]}")


def _number(environment: Mapping[str, str], name: str, default: int | None, least: int, most: int) -> int:
    value = environment.get(name) or default
    try:
        number = int(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = least - 1
    if not least <= number <= most:
        raise InvalidInput(f"{name}: expected a whole number from {least} to {most}, but got {value or 'nothing'}")
    return number


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="orrery_trainers.serving.policy_server", description="Serves a policy, as vLLM would."
    )
    parser.add_argument("--model", type=Path, help="folder in Hugging Face layout (default: the stage file's policy)")
    parser.add_argument("--port", type=int, help="port (default: ORRERY_POLICY_PORT)")
    return parser.parse_args(arguments)


def _refuse(error: StageFailure) -> int:
    print(error, file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
