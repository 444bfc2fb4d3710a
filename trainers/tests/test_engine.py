"""The decoding engine by itself: a model that breaks leaves no request without an answer."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from orrery_trainers.engine import Engine, EngineLimits, Sequence
from orrery_trainers.text import StopStrings

PATIENCE_SECONDS = 20


class Words:
    """A tokenizer of ten tokens, of which 0 ends a text."""

    end_tokens = frozenset({0})

    def decode(self, tokens):
        return " ".join(map(str, tokens))


class Breaking:
    """A model that always says 1; its next `step`, or `join`, waits until it may break, if it is told to."""

    cache_bytes_per_token = 1

    def __init__(self, call: str) -> None:
        self.call, self.rows = call, 0
        self.reached, self.may_break = threading.Event(), threading.Event()
        self.armed = True

    def join(self, prompts, copies):
        if self.rows:
            self.perhaps_break("join")
        self.rows += sum(copies)
        return self.logits(len(prompts))

    def step(self, tokens):
        self.perhaps_break("step")
        return self.logits(len(tokens))

    def keep(self, order):
        self.rows = len(order)

    def perhaps_break(self, call: str) -> None:
        if self.armed and call == "step":
            self.reached.set()
            assert self.may_break.wait(PATIENCE_SECONDS)
        if self.armed and call == self.call and self.breaks_now():
            self.armed = False
            raise RuntimeError(f"{call} broke")

    def breaks_now(self) -> bool:
        return True

    def logits(self, rows: int):
        return np.where(np.arange(10)[None] == np.ones((rows, 1)), 0.0, -1e9)
