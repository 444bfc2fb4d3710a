"""The policy server: OpenAI-compatible completions of one model, on a CPU or a GPU.

In a pod, ``python -m orrery_trainers.serving.policy_server`` reads ORRERY_STAGE_FILE, ORRERY_STORE and
ORRERY_POLICY_PORT (docs/architecture.md). By hand, run
``python -m orrery_trainers.serving.policy_server --model DIR --port 8000``.

    POST /v1/completions   see completions.py
    POST /tokenize         the tokens of a prompt and the size of the context, like vLLM
    GET /v1/models         the model and the size of its context in tokens
    GET /health            200 while decoding works
    GET /metrics           Prometheus text with vLLM's names

Environment variables, with their defaults:

    ORRERY_POLICY_HOST             127.0.0.1
    ORRERY_POLICY_DTYPE            auto: bfloat16 if the weights are bfloat16 and the device computes fast with it,
                                   otherwise float32; or float32, float64, bfloat16
    ORRERY_POLICY_ROWS             256, sequences in the batch
    ORRERY_POLICY_CACHE_MIB        4096, key-value cache of the batch
    ORRERY_POLICY_PREFIX_MIB       512, cache of prompt prefixes
    ORRERY_POLICY_WAITING          16384, waiting sequences
    ORRERY_POLICY_WAITING_SECONDS  600, time until a waiting request is refused
    ORRERY_POLICY_CONNECTIONS      2048, open connections
    ORRERY_POLICY_BODY_MIB         4, size of a request body
    ORRERY_POLICY_RECEIVE_SECONDS  30, time to send a request

SIGTERM ends the server at once with 0, because it has nothing to save. SIGUSR1 prints its stacks.

Equal seeds give equal completions: a completion is a function of the model, the prompt, the request's seed and its
index in the request. The random numbers never depend on other sequences in the batch. With NumPy (llama.py) the logits
do not either, so the text is always the same. With transformers the last bits of the logits may differ. That changes a
token only if its random number is extremely close to a border, about once in a million tokens.
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

from orrery_trainers.models.load import load_model
from orrery_trainers.models.policy_model import ModelError
from orrery_trainers.models.sampling import stream_key
from orrery_trainers.pod.code_version import refuse_other_code
from orrery_trainers.pod.failures import DependencyDown, InvalidInput, StageFailure, failure_of
from orrery_trainers.pod.inputs import verified_files
from orrery_trainers.pod.logs import Logger, print_reason
from orrery_trainers.pod.stacks import print_stacks_on_sigusr1
from orrery_trainers.serving.engine import Engine, EngineLimits, Sequence
from orrery_trainers.serving.text import StopStrings, Text

if TYPE_CHECKING:
    from orrery_trainers.pod.stage_types import Input

FIRST_TOKEN_SECONDS = 120.0
DTYPES = "auto", "float32", "float64", "bfloat16"


@dataclass(frozen=True)
class Settings:
    """Settings of the server; see the module's docstring."""

    folder: Path
    """Folder of the model in Hugging Face layout."""
    name: str
    """Name of the model for clients."""
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
    """Run the server. Returns an exit code if the server cannot start; otherwise it does not return."""
    print_stacks_on_sigusr1()
    started, log = time.monotonic(), Logger(program="policy-server")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # prompts come one at a time; the model needs the cores
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
    """Read the settings from flags and environment. Raises InvalidInput naming the flag, variable or field."""
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
    """Folder and name of the policy of the stage: its input `policy`, or the pretrained weights of the campaign.

    The files of an input are verified (inputs.py): with other weights than the planned ones, the stage would publish a
    wrong result under the planned key.
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
    """Bind the port before the slow imports, so that a port conflict is reported at once."""
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        raise DependencyDown(
            f"port {settings.port} of {settings.host} cannot be bound: {error}; stop the program that uses it"
        ) from None
    return listener


def _decode_one_token(engine: Engine, text: Text) -> None:
    """Check that decoding works before the server reports that it is ready. Raises ModelError."""
    ended, errors = threading.Event(), []

    def done(_: Sequence, error: Exception | None) -> None:
        errors.append(error)
        ended.set()

    prompt = [next(iter(text.end_tokens))]
    engine.submit([Sequence(prompt, 1, 0.0, 1.0, StopStrings((), text), False, stream_key(0, 0, 0), done)])
    if not ended.wait(FIRST_TOKEN_SECONDS):
        raise ModelError(f"the model decoded no token within {FIRST_TOKEN_SECONDS:.0f} s")
    if errors[0] is not None:
        raise ModelError(f"the model cannot decode: {type(errors[0]).__name__}: {errors[0]}")


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
        prog="orrery_trainers.serving.policy_server", description="Serves a policy with the API of vLLM."
    )
    parser.add_argument("--model", type=Path, help="folder in Hugging Face layout (default: the stage file's policy)")
    parser.add_argument("--port", type=int, help="port (default: ORRERY_POLICY_PORT)")
    return parser.parse_args(arguments)


def _refuse(error: StageFailure) -> int:
    print_reason(error)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
