"""The HTTP API of the policy server.

The event loop only transfers bytes. Two threads parse bodies, tokenize prompts and write responses, so that the server
always answers `GET /health`.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.requests import ClientDisconnect

from orrery_trainers.models.policy_model import PolicyModel
from orrery_trainers.serving.completions import (
    MAX_MESSAGE_LENGTH,
    CompletionRequest,
    RequestError,
    TokenizeRequest,
    parse_request,
    response_of,
    sequences_of,
    tokens_of,
)
from orrery_trainers.serving.engine import Engine, EngineCounts, QueueFull, Sequence
from orrery_trainers.serving.http_limits import (
    BoundedRequests,
    HttpLimits,
    HttpRefusal,
    bounded_protocol,
    refusal_response,
)
from orrery_trainers.serving.text import Text

Result = TypeVar("Result")

CLIENT_CLOSED = 499  # the status of nginx and vLLM; the client has gone and does not read it
THREADS = 2
OTHER_FILES = 128
"""Open files apart from connections: libraries, weights, the listener. *Ours*."""


def create_app(
    engine: Engine, text: Text, model: PolicyModel, name: str, limits: HttpLimits, waiting_seconds: float
) -> FastAPI:
    """The application.

    name: name of the model for clients. waiting_seconds: a request is refused with 503 if none of its sequences has
    been admitted after this time.
    """
    app = FastAPI(title="orrery policy server", docs_url=None, redoc_url=None)
    app.add_middleware(BoundedRequests, limits=limits)
    threads = ThreadPoolExecutor(THREADS, "requests")

    async def in_thread(work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    @app.post("/v1/completions")
    async def complete(request: Request) -> Response:
        raw = await request.body()
        ended = _Countdown()

        def read() -> tuple[CompletionRequest, list[Sequence]]:
            body = parse_request(CompletionRequest, raw)
            return body, sequences_of(body, text, model.vocabulary_size, model.context_tokens, ended.one_less)

        body, sequences = await in_thread(read)
        ended.expect(len(sequences))
        engine.submit(sequences)
        gone = asyncio.create_task(_disconnected(request))
        either = {ended.future, gone}
        try:
            await asyncio.wait(either, timeout=waiting_seconds, return_when=asyncio.FIRST_COMPLETED)
            if not any(sequence.admitted for sequence in sequences) and not gone.done():
                raise HttpRefusal(503, f"the request has waited for {waiting_seconds:g} s; retry later")
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not ended.future.done():
                return Response(status_code=CLIENT_CLOSED)
            ended.future.result()
        finally:
            gone.cancel()
            if not ended.is_over:
                engine.withdraw(sequences)
        return await in_thread(lambda: JSONResponse(response_of(body, sequences, text, name)))

    @app.post("/tokenize")
    async def tokenize(request: Request) -> Response:
        raw = await request.body()
        return await in_thread(
            lambda: JSONResponse(tokens_of(parse_request(TokenizeRequest, raw), text, model.context_tokens))
        )

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        card = {"id": name, "object": "model", "owned_by": "orrery", "max_model_len": model.context_tokens}
        return {"object": "list", "data": [card]}

    @app.get("/health")
    async def health() -> Response:
        fault = engine.health_fault()
        return PlainTextResponse(fault or "", 200 if fault is None else 503)

    @app.get("/metrics")
    async def metrics() -> Response:
        return PlainTextResponse(metrics_text(engine.counts, name), media_type="text/plain; version=0.0.4")

    @app.exception_handler(RequestError)
    async def wrong(_: Request, error: RequestError) -> Response:
        return _error(400, str(error), "invalid_request_error", error.field)

    @app.exception_handler(HttpRefusal)
    async def refused(_: Request, error: HttpRefusal) -> Response:
        return refusal_response(error)

    @app.exception_handler(QueueFull)
    async def full(_: Request, error: QueueFull) -> Response:
        return refusal_response(HttpRefusal(429, str(error)))

    @app.exception_handler(ClientDisconnect)
    async def left(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=CLIENT_CLOSED)

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> Response:
        return _error(500, f"{type(error).__name__}: {error}"[:MAX_MESSAGE_LENGTH], "internal_error", None)

    return app


def serve(app: FastAPI, listener: socket.socket, limits: HttpLimits) -> None:
    """Serve on a bound socket until the process ends."""
    config = uvicorn.Config(
        app,
        http=bounded_protocol(limits),
        ws="none",
        h11_max_incomplete_event_size=limits.head_bytes,
        log_level="error",  # invalid requests must not fill the log
        access_log=False,  # it would have thousands of lines per minute
        timeout_keep_alive=75,
    )
    _Server(config).run([listener])


def connections_possible(wanted: int) -> int:
    """The number of connections, at most `wanted`, that the limit of open files allows. Raises that limit if needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted + OTHER_FILES:
        soft = wanted + OTHER_FILES if hard == resource.RLIM_INFINITY else min(hard, wanted + OTHER_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(wanted, soft - OTHER_FILES))


def metrics_text(counts: EngineCounts, name: str) -> str:
    """Prometheus exposition of the engine's counts under vLLM's names."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    series = [
        ("vllm:num_requests_running", "gauge", "Sequences being decoded.", {"": counts.running}),
        ("vllm:num_requests_waiting", "gauge", "Sequences waiting to be decoded.", {"": counts.waiting}),
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
    """A future that is done when all sequences of a request have finished. The engine's thread counts them down."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self._loop.create_future()
        self._left = 0
        self.is_over = False

    def expect(self, number: int) -> None:
        self._left = number

    def one_less(self, _: Sequence, error: Exception | None) -> None:
        """Only the engine's thread calls this, so counting needs no lock."""
        self._left -= 1
        self.is_over = self._left == 0
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
    """uvicorn without its signal handlers; ours end the process at once."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _error(status: int, message: str, kind: str, field: str | None) -> Response:
    """An error response in OpenAI's format."""
    body = {"error": {"message": message, "type": kind, "param": field, "code": None}}
    return JSONResponse(body, status)
