"""Continuous batching: sequences join and leave the batch between any two tokens.

One thread owns the model. In a loop, it admits waiting sequences (oldest first), samples one token for every sequence,
and returns the finished ones. Sequences with the same prompt that are admitted together read the prompt only once.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from orrery_trainers.models.policy_model import Logits, PolicyModel, order_without
from orrery_trainers.models.sampling import sample, uniforms
from orrery_trainers.serving.text import StopStrings, Text

STALLED_SECONDS = 120.0
"""Maximum time for a step. After a longer step the server counts as unhealthy. *Ours*."""


@dataclass(eq=False)
class Sequence:
    """A requested completion and its current state."""

    prompt: list[int]
    max_tokens: int
    temperature: float
    top_p: float
    stop: StopStrings
    include_stop: bool
    key: int
    """Key of its random stream; see `stream_key` of sampling.py."""
    done: Callable[[Sequence, Exception | None], None]
    """Called once, from the engine's thread, when it has finished or failed."""
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    text: str = ""
    finish: Literal["stop", "length"] = "length"
    admitted: bool = False
    """Whether it has joined the batch."""
    cancelled: bool = False
    """Whether the client has gone. The sequence leaves at the next token, and `done` is not called."""


@dataclass(frozen=True)
class EngineLimits:
    """Limits of the engine. *Ours*."""

    rows: int = 256
    """Maximum number of sequences in the batch."""
    cache_bytes: int = 4 * 2**30
    """Maximum size of the key-value cache."""
    waiting: int = 16_384
    """Maximum number of waiting sequences. A single request may have more if no other sequence waits."""


class QueueFull(Exception):
    """The maximum number of sequences is waiting already."""


@dataclass
class EngineCounts:
    """Current numbers of sequences, and totals since the start."""

    running: int = 0
    waiting: int = 0
    prompt_tokens: int = 0
    """Number of prompt tokens read. A prompt that several completions share counts once."""
    generation_tokens: int = 0
    finished: dict[str, int] = field(default_factory=lambda: {"stop": 0, "length": 0, "abort": 0})


class Engine:
    """Decodes sequences until :meth:`close`. Thread-safe."""

    def __init__(self, model: PolicyModel, text: Text, limits: EngineLimits) -> None:
        self._model, self._text, self._limits = model, text, limits
        self._waiting: deque[Sequence] = deque()
        self._running: list[Sequence] = []
        self._changed = threading.Condition()
        self._closed = False
        self._withdrawn = False
        self._advanced_at = time.monotonic()
        self._error: Exception | None = None
        self.counts = EngineCounts()
        self._thread = threading.Thread(target=self._decode_forever, name="engine", daemon=True)
        self._thread.start()

    def submit(self, sequences: list[Sequence]) -> None:
        """Queue sequences. Raises QueueFull."""
        with self._changed:
            if self._waiting and len(self._waiting) + len(sequences) > self._limits.waiting:
                raise QueueFull(f"{len(self._waiting)} completions are waiting already; retry later")
            self._waiting.extend(sequences)
            self._changed.notify()

    def withdraw(self, sequences: list[Sequence]) -> None:
        """Cancel sequences: waiting ones are removed from the queue, running ones leave at the next token."""
        for sequence in sequences:
            sequence.cancelled = True
        with self._changed:
            self._withdrawn = True
            self._changed.notify()

    def health_fault(self) -> str | None:
        """Why decoding does not work; None if it works."""
        if self._error is not None:
            return f"the last step failed: {type(self._error).__name__}: {self._error}"
        if not self._thread.is_alive():
            return "the decoding thread has ended"
        seconds = time.monotonic() - self._advanced_at
        return f"no token for {seconds:.0f} s" if self._running and seconds > STALLED_SECONDS else None

    def close(self) -> None:
        """Stop after the current token. `done` of unfinished sequences is not called."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _decode_forever(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._running or self._closed)
                if self._closed:
                    return
                entering = self._admit()
                self._advanced_at = time.monotonic()
            try:
                self._advance(entering)
            except (
                Exception
            ) as error:  # a sequence that breaks the model must not end the server, only fail its request
                self._fail(error, entering)

    def _admit(self) -> list[Sequence]:
        if self._withdrawn:
            kept = deque(sequence for sequence in self._waiting if not sequence.cancelled)
            self.counts.finished["abort"] += len(self._waiting) - len(kept)
            self._waiting, self._withdrawn = kept, False
        entering: list[Sequence] = []
        longest = max((_max_length(sequence) for sequence in self._running), default=0)
        while self._waiting:
            sequence = self._waiting[0]
            longest = max(longest, _max_length(sequence))
            rows = len(self._running) + len(entering) + 1
            # In the cache, every row takes as much space as the longest one.
            bytes_needed = rows * longest * self._model.cache_bytes_per_token
            if rows > 1 and (rows > self._limits.rows or bytes_needed > self._limits.cache_bytes):
                break
            self._waiting.popleft()
            sequence.admitted = True
            entering.append(sequence)
        self.counts.waiting = len(self._waiting)
        return entering

    def _advance(self, entering: list[Sequence]) -> None:
        """Sample one token for every running sequence, then the first token of the entering ones."""
        if self._running:
            tokens = np.array([sequence.tokens[-1] for sequence in self._running])
            self._sample(self._running, self._model.step(tokens))
            self._remove_finished()
        if entering:
            groups: dict[tuple[int, ...], list[Sequence]] = {}
            for sequence in entering:
                groups.setdefault(tuple(sequence.prompt), []).append(sequence)
            copies = [len(group) for group in groups.values()]
            fresh = [sequence for group in groups.values() for sequence in group]
            self._running.extend(fresh)
            entering.clear()  # they count as running now, where `_fail` finds them
            logits = self._model.join([list(prompt) for prompt in groups], copies)
            self.counts.prompt_tokens += sum(map(len, groups))
            self._sample(fresh, logits[np.repeat(np.arange(len(copies)), copies)])
            self._remove_finished()
        self.counts.running = len(self._running)
        self._error = None

    def _sample(self, sequences: list[Sequence], logits: Logits) -> None:
        keys = np.array([sequence.key for sequence in sequences], np.uint64)
        positions = np.array([len(sequence.tokens) for sequence in sequences], np.uint64)
        temperature = np.array([sequence.temperature for sequence in sequences])
        top_p = np.array([sequence.top_p for sequence in sequences])
        tokens, logprobs = _sampler(logits)(logits, temperature, top_p, uniforms(keys, positions))
        for sequence, token, logprob in zip(sequences, tokens.tolist(), logprobs.tolist(), strict=True):
            sequence.tokens.append(token)
            sequence.logprobs.append(logprob)
        self.counts.generation_tokens += len(sequences)

    def _remove_finished(self) -> None:
        rows = {row for row, sequence in enumerate(self._running) if sequence.cancelled or self._has_ended(sequence)}
        if not rows:
            return
        ended = [self._running[row] for row in sorted(rows)]
        order = order_without(len(self._running), rows)
        self._model.keep(order)
        self._running = [self._running[row] for row in order]
        for sequence in ended:
            self.counts.finished["abort" if sequence.cancelled else sequence.finish] += 1
            if not sequence.cancelled:
                sequence.done(sequence, None)

    def _has_ended(self, sequence: Sequence) -> bool:
        """Whether the last token ends the sequence. If so, sets its text and finish reason."""
        if sequence.tokens[-1] in self._text.end_tokens:
            sequence.text, sequence.finish = self._text.decode(sequence.tokens), "stop"
            return True
        place = sequence.stop.find(sequence.tokens)
        if place is not None:
            sequence.text = self._text.decode(sequence.tokens)[: place[1] if sequence.include_stop else place[0]]
            sequence.finish = "stop"
            return True
        if len(sequence.tokens) < sequence.max_tokens:
            return False
        sequence.text = self._text.decode(sequence.tokens)
        return True

    def _fail(self, error: Exception, entering: list[Sequence]) -> None:
        """Fail all running sequences, and the admitted ones that have not joined yet, which are in no other list."""
        self._error = error
        failed, self._running = [*self._running, *entering], []
        self._model.keep([])
        self.counts.running = 0
        for sequence in failed:
            self.counts.finished["abort"] += 1
            if not sequence.cancelled:
                sequence.done(sequence, error)


def _sampler(logits: Logits) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    if isinstance(logits, np.ndarray):
        return sample
    from orrery_trainers.models import torch_sampling  # imported only when needed, because torch takes seconds

    return torch_sampling.sample


def _max_length(sequence: Sequence) -> int:
    return len(sequence.prompt) + sequence.max_tokens
