"""Prints the stacks of a program on SIGUSR1, so that the cause of a hang is known before the kill. *Ours*."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import signal
import sys


def print_stacks_on_sigusr1() -> None:
    """Install a handler: SIGUSR1 prints the stack of every thread on stderr, and the program continues.

    The handler runs in C, so it works during an endless loop and during a call that never returns. Forked processes
    inherit it. A new program must call this function first.
    """
    # A test or an embedder may have replaced stderr by a stream without a file; then the original one is used.
    for stream in (sys.stderr, sys.__stderr__):
        if stream is None:
            continue
        with contextlib.suppress(AttributeError, io.UnsupportedOperation, ValueError):
            faulthandler.register(signal.SIGUSR1, file=stream, all_threads=True, chain=False)
            return
