"""SIGTERM: whether the program must stop, and whether the signal may interrupt it now. *Ours*."""

from __future__ import annotations


class Interrupted(BaseException):
    """SIGTERM has interrupted the program. A BaseException, so that no library catches it and continues."""


class Stop:
    """Whether a program must stop.

    If the program only checked a flag once per optimizer step, a long rollout could outlast the grace period. So the
    signal interrupts the main thread (as Interrupted) wherever no needed work is lost: while the program loads, and
    while an optimizer step computes rollouts and gradients. At other times (the optimizer's update, a save) it waits.
    """

    def __init__(self) -> None:
        self.requested = False
        """Whether SIGTERM has come."""
        self._may_interrupt = False

    def allow_interrupt(self) -> None:
        """From now on SIGTERM interrupts. If it has come already, it interrupts now."""
        self._may_interrupt = True
        if self.requested:
            self.on_signal()

    def defer_interrupt(self) -> None:
        """From now on SIGTERM only sets `requested`."""
        self._may_interrupt = False

    def on_signal(self, *_: object) -> None:
        """The handler of SIGTERM. It interrupts only once, so that it does not interrupt the save that follows."""
        self.requested = True
        if self._may_interrupt:
            self._may_interrupt = False
            raise Interrupted
