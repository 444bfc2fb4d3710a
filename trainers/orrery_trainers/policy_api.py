"""The HTTP side of the policy server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse

from orrery_trainers.completions import CompletionRequest, RequestError, response_of, sequences_of
from orrery_trainers.engine import Engine, EngineCounts, Sequence
from orrery_trainers.policy_model import PolicyModel
from orrery_trainers.text import Text

CLIENT_CLOSED = 499  # as nginx and vLLM have it; nobody reads it


def create_app(engine: Engine, text: Text, model: PolicyModel, name: str) -> FastAPI:
    """The application; `name` is what the model is called to clients."""
    app = FastAPI(title="orrery policy server", docs_url=None, redoc_url=None)

    @app.post("/v1/completions")
    async def complete(body: CompletionRequest, request: Request) -> Response:
        ended = _Countdown()
        sequences = sequences_of(body, text, model.vocabulary_size, model.context_tokens, ended.one_less)
        ended.expect(len(sequences))
        engine.submit(sequences)
        gone = asyncio.create_task(_disconnected(request))
        await asyncio.wait({ended.future, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not ended.future.done():
            for sequence in sequences:
                sequence.cancelled = True
            return Response(status_code=CLIENT_CLOSED)
        ended.future.result()
        return JSONResponse(response_of(body, sequences, text, name))

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        card = {"id": name, "object": "model", "owned_by": "orrery", "max_model_len": model.context_tokens}
        return {"object": "list", "data": [card]}

    @app.get("/health")
    async def health() -> Response:
        ailment = engine.ailment()
        return PlainTextResponse(ailment or "", 200 if ailment is None else 503)

    @app.get("/metrics")
    async def metrics() -> Response:
        return PlainTextResponse(metrics_text(engine.counts, name), media_type="text/plain; version=0.0.4")

    @app.exception_handler(RequestError)
    async def refused(_: Request, error: RequestError) -> Response:
        return _error(400, str(error), "invalid_request_error", error.field)

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        field = str(first["loc"][1]) if len(first["loc"]) > 1 and first["type"] != "json_invalid" else "body"
        complaint = f"{field}: {first['msg']}, but got {_shortened(first.get('input'))}"
        return _error(400, complaint, "invalid_request_error", field)

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> Response:
        return _error(500, f"{type(error).__name__}: {error}", "internal_error", None)

    return app


def serve(app: FastAPI, listener: socket.socket) -> None:
    """Serve on a bound socket until the process is ended."""
    # Every line of access log would be one of thousands a minute.
    _Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_keep_alive=75)).run([listener])


def metrics_text(counts: EngineCounts, name: str) -> str:
    """Prometheus exposition of the engine's counts under vLLM's names."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    series = [
        ("vllm:num_requests_running", "gauge", "Sequences being decoded.", {"": counts.running}),
        ("vllm:num_requests_waiting", "gauge", "Sequences waiting to be let in.", {"": counts.waiting}),
        ("vllm:prompt_tokens_total", "counter", "Tokens of prompts read.", {"": counts.prompt_tokens}),
        ("vllm:generation_tokens_total", "counter", "Tokens generated.", {"": counts.generation_tokens}),
        (
            "vllm:request_success_total",
            "counter",
            "Sequences ended.",
            {f',finished_reason="{reason}"': number for reason, number in counts.finished.items()},
        ),
    ]
    lines = []
    for metric, kind, description, values in series:
        lines += [f"# HELP {metric} {description}", f"# TYPE {metric} {kind}"]
        lines += [f'{metric}{{model_name="{escaped}"{label}}} {value}' for label, value in values.items()]
    return "\n".join(lines) + "\n"


class _Countdown:
    """A future that is done when all sequences of a request are, from whatever thread they report."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self._loop.create_future()
        self._left = 0

    def expect(self, number: int) -> None:
        self._left = number

    def one_less(self, _: Sequence, error: Exception | None) -> None:
        """Called from the engine's one thread, so counting needs no lock."""
        self._left -= 1
        if error is not None or self._left == 0:
            self._loop.call_soon_threadsafe(self._settle, error)

    def _settle(self, error: Exception | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(error)


class _Server(uvicorn.Server):
    """uvicorn that leaves signals alone: ours end the process at once."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _error(status: int, message: str, kind: str, field: str | None) -> Response:
    """An error in OpenAI's shape."""
    body = {"error": {"message": message, "type": kind, "param": field, "code": None}}
    return JSONResponse(body, status)


def _shortened(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
