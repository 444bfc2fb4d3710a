"""How a stage program ends badly: the exit codes of ``spec/failures.ts`` as exceptions. *Ours*."""

from __future__ import annotations

import errno

STORE_TROUBLE = {
    errno.ENOSPC: "no space left on the store",
    errno.EDQUOT: "the store's quota is used up",
    errno.EROFS: "the store is read-only",
    errno.ESTALE: "the store was mounted anew",
    errno.EIO: "the store cannot be read or written",
}
"""What of the operating system's errors is the store's doing: another attempt, later, may find it well. *Ours*."""


class StageFailure(Exception):
    """Ends the program with ``exit_code``; the message is its last line on stderr."""

    exit_code = 1


class InvalidInput(StageFailure):
    """The stage file or the data is wrong, and will be again. Says which field, what was expected, what came."""

    exit_code = 65


class DependencyDown(StageFailure):
    """The store, the verifier or a peer could not be reached."""

    exit_code = 69


class Diverged(StageFailure):
    """The loss or the gradient is no number."""

    exit_code = 70


class OutOfMemory(StageFailure):
    """The process ran out of memory; a smaller micro-batch may fit."""

    exit_code = 71


class NodeFailure(StageFailure):
    """The machine, or the link to another rank, failed."""

    exit_code = 72


class NoEffect(StageFailure):
    """The work was done to the end, and nothing came of it: nothing to train on, or training changed nothing."""

    exit_code = 73


class Fenced(StageFailure):
    """A later attempt has claimed the stage: this one writes nothing more."""

    exit_code = 75


class Terminated(StageFailure):
    """SIGTERM came, and what was reached is saved."""

    exit_code = 143


def failure_of(error: BaseException) -> StageFailure | None:
    """The failure class of any exception; None where the table has no word for it (then it is a crash)."""
    if isinstance(error, StageFailure):
        return error
    name, text = type(error).__name__, str(error).strip()
    first_line = text.splitlines()[0] if text else name
    # By name: this module must not import torch. OutOfMemoryError is CUDA's; the CPU allocator raises RuntimeError.
    if isinstance(error, MemoryError) or name == "OutOfMemoryError" or "can't allocate memory" in text:
        return OutOfMemory(f"out of memory: {first_line}")
    if name in ("DistBackendError", "DistNetworkError") or "Connection closed by peer" in text:
        return NodeFailure(f"lost another rank: {first_line}")
    if (trouble := _store_trouble(error)) is not None:
        return DependencyDown(f"{trouble}: {first_line}")
    if name == "DomainError":
        return InvalidInput(text)
    if "probability tensor contains either `inf`, `nan`" in text:
        return Diverged(f"the policy gives no probabilities: {first_line}")
    return None


def _store_trouble(error: BaseException) -> str | None:
    """Words for an error of the store; None if it is none."""
    if isinstance(error, OSError) and error.errno in STORE_TROUBLE:
        return STORE_TROUBLE[error.errno]
    text = str(error)
    if "inline_container" in text and ("unexpected pos" in text or "PytorchStreamWriter failed" in text):
        return "the store did not take a whole file; is there space left?"  # torch.save keeps the number to itself
    # safetensors is Rust, and tells the number in its text alone.
    return next((words for number, words in STORE_TROUBLE.items() if f"(os error {number})" in text), None)
