"""Failures of a stage program: the exit codes of ``spec/failure-table.ts`` as exceptions. *Ours*."""

from __future__ import annotations

import errno

STORE_ERRORS = {
    errno.ENOSPC: "no space left on the store",
    errno.EDQUOT: "the store's quota is used up",
    errno.EROFS: "the store is read-only",
    errno.ESTALE: "the store was mounted again",
    errno.EIO: "the store cannot be read or written",
}
"""Errors of the operating system that the store causes. A later attempt may succeed. *Ours*."""


class StageFailure(Exception):
    """Ends the program with ``exit_code``. The message becomes the last line on stderr."""

    exit_code = 1


class InvalidInput(StageFailure):
    """The stage file or the data is wrong. Another attempt would fail again.

    The message names the field, the expected value and the actual one.
    """

    exit_code = 65


class DependencyDown(StageFailure):
    """The store, the verifier or a peer is unavailable."""

    exit_code = 69


class Diverged(StageFailure):
    """The loss, the gradient, a weight or a logit is not a finite number."""

    exit_code = 70


class OutOfMemory(StageFailure):
    """The process ran out of memory; a smaller micro-batch may fit."""

    exit_code = 71


class NodeFailure(StageFailure):
    """The machine, or the link to another rank, failed."""

    exit_code = 72


class NoEffect(StageFailure):
    """The work had no effect: there was nothing to train on, or training did not change the policy."""

    exit_code = 73


class Fenced(StageFailure):
    """A later attempt has claimed the stage, so this one must not write any more."""

    exit_code = 75


class Terminated(StageFailure):
    """The program has stopped after SIGTERM and has saved its progress."""

    exit_code = 143


def failure_of(error: BaseException) -> StageFailure | None:
    """The failure class of any exception; None if it has none, so the program crashes."""
    if isinstance(error, StageFailure):
        return error
    name, text = type(error).__name__, str(error).strip()
    first_line = text.splitlines()[0] if text else name
    # Compared by name, because this module must not import torch. CUDA raises OutOfMemoryError, but torch's allocator
    # for the CPU raises RuntimeError.
    if isinstance(error, MemoryError) or name == "OutOfMemoryError" or "can't allocate memory" in text:
        return OutOfMemory(f"out of memory: {first_line}")
    if name in ("DistBackendError", "DistNetworkError") or "Connection closed by peer" in text:
        return NodeFailure(f"lost another rank: {first_line}")
    if (message := _store_message(error)) is not None:
        return DependencyDown(f"{message}: {first_line}")
    if name == "DomainError":
        return InvalidInput(text)
    if "probability tensor contains either `inf`, `nan`" in text:
        return Diverged(f"the policy's probabilities are not finite: {first_line}")
    return None


def _store_message(error: BaseException) -> str | None:
    """The message for an error that the store causes; None for any other error."""
    if isinstance(error, OSError) and error.errno in STORE_ERRORS:
        return STORE_ERRORS[error.errno]
    text = str(error)
    if "inline_container" in text and ("unexpected pos" in text or "PytorchStreamWriter failed" in text):
        return "a file could not be written completely; does the store have space left?"  # torch.save hides the errno
    # safetensors is written in Rust: its exceptions have the errno in their text alone.
    return next((message for number, message in STORE_ERRORS.items() if f"(os error {number})" in text), None)
