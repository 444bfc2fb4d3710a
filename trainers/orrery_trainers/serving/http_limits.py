"""Limits for the clients of the policy server: connections, request heads and bodies, and the time to send them.

Without limits, a few slow or large requests could use up all connections or all memory, and `GET /health` would fail
too. A request over a limit is refused with a status and a message, or its connection is closed. All numbers are *ours*.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import h11
from fastapi.responses import JSONResponse
from uvicorn.protocols.http.h11_impl import H11Protocol

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

RETRY_AFTER_SECONDS = 1
LINGER_SECONDS = 2.0
"""Time for a client to read a response that came before it had sent the whole request."""


@dataclass(frozen=True)
class HttpLimits:
    """Limits of the HTTP server."""

    connections: int = 2048
    """Maximum number of open connections."""
    head_bytes: int = 16 * 2**10
    """Maximum size of the request line and the headers."""
    body_bytes: int = 4 * 2**20
    """Maximum size of a body."""
    receive_seconds: float = 30.0
    """Maximum time to send the head of a request, and again to send its body."""

    @property
    def requests(self) -> int:
        """Maximum number of active POST requests. It is below `connections`, so `GET /health` always finds one."""
        return max(1, self.connections * 3 // 4)

    @property
    def held_bytes(self) -> int:
        """Maximum size of all bodies in memory."""
        return 64 * self.body_bytes


class HttpRefusal(Exception):
    """A request is refused with `status`. After 429 and 503 the client may retry."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def refusal_response(refusal: HttpRefusal) -> JSONResponse:
    """The response to a refused request, in OpenAI's format. 429 and 503 have a `retry-after` header."""
    is_busy = refusal.status in (429, 503)
    error = {
        "message": str(refusal),
        "type": "overloaded_error" if is_busy else "invalid_request_error",
        "param": None,
        "code": None,
    }
    headers = {"retry-after": str(RETRY_AFTER_SECONDS)} if is_busy else {}
    return JSONResponse({"error": error}, refusal.status, headers)


class BoundedRequests:
    """ASGI middleware that limits POST requests and their bodies.

    It raises HttpRefusal in the application when that reads a body over a limit.
    """

    def __init__(self, app: Any, limits: HttpLimits) -> None:
        self._app, self._limits = app, limits
        self._requests = self._held = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request; part of the ASGI interface."""
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        body = _Body(receive, self._limits)
        try:
            self._requests += 1
            self._refuse_over_limit(_content_length(scope))
            return await self._app(scope, lambda: self._read(body), send)
        except HttpRefusal as refusal:
            await refusal_response(refusal)(scope, receive, send)
        finally:
            self._requests -= 1
            self._held -= body.bytes

    def _refuse_over_limit(self, announced: int) -> None:
        if announced > self._limits.body_bytes:
            raise _too_large(self._limits)
        if self._requests > self._limits.requests:
            raise HttpRefusal(429, f"{self._limits.requests} requests are active already; retry later")
        if self._held + announced > self._limits.held_bytes:
            raise _too_much(self._limits)

    async def _read(self, body: _Body) -> Message:
        before = body.bytes
        message = await body.read()
        self._held += body.bytes - before
        if self._held > self._limits.held_bytes:
            raise _too_much(self._limits)
        return message


class _Body:
    def __init__(self, receive: Receive, limits: HttpLimits) -> None:
        self._receive, self._limits = receive, limits
        self._deadline = time.monotonic() + limits.receive_seconds
        self._whole = False
        self.bytes = 0

    async def read(self) -> Message:
        if self._whole:  # the next message is the end of the connection, which has no time limit
            return await self._receive()
        try:
            async with asyncio.timeout(max(0.0, self._deadline - time.monotonic())):
                message = await self._receive()
        except TimeoutError:
            seconds = self._limits.receive_seconds
            raise HttpRefusal(408, f"expected the whole body within {seconds:g} s") from None
        self._whole = message["type"] == "http.request" and not message.get("more_body", False)
        self.bytes += len(message.get("body", b""))
        if self.bytes > self._limits.body_bytes:
            raise _too_large(self._limits)
        return message


def _content_length(scope: Message) -> int:
    """The `content-length` of a request; 0 if it has none (a chunked body). h11 has refused invalid numbers."""
    return int(next((value for name, value in scope["headers"] if name == b"content-length"), 0))


def _too_large(limits: HttpLimits) -> HttpRefusal:
    return HttpRefusal(413, f"body: expected at most {limits.body_bytes} bytes")


def _too_much(limits: HttpLimits) -> HttpRefusal:
    return HttpRefusal(429, f"the bodies of all requests may have {limits.held_bytes} bytes in total; retry later")


def bounded_protocol(limits: HttpLimits) -> type[H11Protocol]:
    """uvicorn's protocol with limits: it closes connections that send a request too slowly, and surplus connections."""

    class BoundedProtocol(H11Protocol):
        _timer: asyncio.TimerHandle | None = None
        _since = 0.0

        @property
        def _is_sending(self) -> bool:
            """Whether the client still has to send a request or the rest of one."""
            return self.conn.their_state in (h11.IDLE, h11.SEND_BODY)

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._since = time.monotonic()
            if len(self.connections) > limits.connections:
                self._evict_one()
            self._close_in(limits.receive_seconds)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is h11.IDLE:
                if self._timer is None:  # these are the first bytes of the next request
                    self._since = time.monotonic()
                    self._close_in(limits.receive_seconds)
            elif self.conn.their_state is h11.SEND_BODY and self.conn.our_state is h11.DONE:
                pass  # the response is sent already; the linger timer runs
            else:
                self._cancel_timer()  # the middleware limits the time of a body

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.conn.their_state is h11.SEND_BODY and self.conn.our_state is h11.DONE:
                # The client is still sending. If the connection closed now, the client would lose the response.
                self._close_in(LINGER_SECONDS)
            elif self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
                self._since = time.monotonic()
                self._close_in(limits.receive_seconds)  # a part of the next head came with this request

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel_timer()
            super().connection_lost(exc)

        def _evict_one(self) -> None:
            """Close the connection that has been sending for longest. Complete requests are never evicted."""
            peers: set[Any] = self.connections  # all are instances of this class
            slow = [one for one in peers if one is not self and one._is_sending]
            victim = min(slow, key=lambda one: one._since, default=self)
            if victim is self:
                retry = f"retry-after: {RETRY_AFTER_SECONDS}\r\nconnection: close\r\ncontent-length: 0"
                self.transport.write(f"HTTP/1.1 503 Service Unavailable\r\n{retry}\r\n\r\n".encode())
            self.connections.discard(victim)
            victim.transport.close()

        def _close_in(self, seconds: float) -> None:
            self._cancel_timer()
            self._timer = self.loop.call_later(seconds, self.transport.abort)

        def _cancel_timer(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    return BoundedProtocol
