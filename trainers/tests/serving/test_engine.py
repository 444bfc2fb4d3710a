"""The decoding engine alone: every request gets an answer, even if the model breaks."""

from __future__ import annotations

import asyncio
import json
import threading

import numpy as np
import pytest

from orrery_trainers.serving.engine import Engine, EngineLimits, Sequence
from orrery_trainers.serving.http_limits import HttpLimits
from orrery_trainers.serving.policy_api import create_app
from orrery_trainers.serving.text import StopStrings

PATIENCE_SECONDS = 20


class Words:
    """A tokenizer of ten tokens, of which 0 ends a text."""

    end_tokens = frozenset({0})

    def decode(self, tokens):
        return " ".join(map(str, tokens))


class Breaking:
    """A model that always says 1. Its first `step` waits for `go`; the next `call` (`join` or `step`) breaks, once."""

    cache_bytes_per_token = 1

    def __init__(self, call: str) -> None:
        self.call = call
        self.stepping, self.go = threading.Event(), threading.Event()

    def join(self, prompts, copies):
        self.perhaps_break("join")
        return ones(len(prompts))

    def step(self, tokens):
        if not self.go.is_set():
            self.stepping.set()
            assert self.go.wait(PATIENCE_SECONDS)
        else:
            self.perhaps_break("step")
        return ones(len(tokens))

    def keep(self, order):
        pass

    def perhaps_break(self, call: str) -> None:
        if self.go.is_set() and self.call == call:
            self.call = "none"
            raise RuntimeError(f"{call} broke")


def ones(rows: int):
    return np.where(np.arange(10)[None] == np.ones((rows, 1)), 0.0, -1e9)


class Request:
    """A sequence, and every call of its `done`."""

    def __init__(self, max_tokens: int) -> None:
        self.errors, self.ended = [], threading.Event()
        self.sequence = Sequence([5], max_tokens, 0.0, 1.0, StopStrings((), Words()), False, 0, self.done)

    def done(self, _, error):
        self.errors.append(error)
        self.ended.set()


@pytest.mark.parametrize("call", ["step", "join"])
def test_a_model_that_breaks_fails_running_and_entering_sequences_once_each(call):
    model = Breaking(call)
    engine = Engine(model, Words(), EngineLimits())
    try:
        running, entering = Request(50), Request(50)
        engine.submit([running.sequence])
        assert model.stepping.wait(PATIENCE_SECONDS)
        engine.submit([entering.sequence])  # admitted before the second step; that step or the following join breaks
        model.go.set()
        for request in (running, entering):
            assert request.ended.wait(PATIENCE_SECONDS)
            assert [str(error) for error in request.errors] == [f"{call} broke"]
        after = Request(3)
        engine.submit([after.sequence])
        assert after.ended.wait(PATIENCE_SECONDS)
        assert after.errors == [None]
        assert after.sequence.text == "1 1 1"
        assert engine.health_fault() is None
        assert (engine.counts.running, engine.counts.finished["abort"]) == (0, 2)
    finally:
        engine.close()


async def post(app, body):
    """Status, headers and body of the answer to `POST /v1/completions`."""
    messages = []
    received = asyncio.Queue()
    received.put_nowait({"type": "http.request", "body": json.dumps(body).encode(), "more_body": False})

    async def send(message):
        messages.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/completions", "headers": [], "query_string": b""}
    await app({**scope, "http_version": "1.1", "scheme": "http", "root_path": ""}, received.get, send)
    start, *rest = messages
    return start["status"], dict(start["headers"]), b"".join(one.get("body", b"") for one in rest)


def test_a_request_that_waits_too_long_must_retry_later_and_leaves_the_queue():
    """The model is a fake that waits as long as the test needs. A real model cannot do that."""
    model = Breaking("none")
    model.kind, model.vocabulary_size, model.context_tokens = "fake", 10, 96
    engine = Engine(model, Words(), EngineLimits(rows=1))
    app = create_app(engine, Words(), model, "fake", HttpLimits(), waiting_seconds=0.2)

    async def ask():
        first = asyncio.create_task(post(app, {"prompt": [5], "max_tokens": 3}))
        assert await asyncio.to_thread(model.stepping.wait, PATIENCE_SECONDS)
        second = await post(app, {"prompt": [5], "max_tokens": 3})
        model.go.set()
        return await first, second

    try:
        (first, _, _), (second, headers, body) = asyncio.run(ask())
        assert (first, second) == (200, 503)
        assert headers[b"retry-after"] == b"1"
        assert b"the request has waited for 0.2 s" in body
        assert (engine.counts.running, len(engine._waiting)) == (0, 0)
    finally:
        model.go.set()
        engine.close()
