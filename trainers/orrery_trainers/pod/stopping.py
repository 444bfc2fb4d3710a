"""SIGTERM: asked to stop, and whether the signal may cut in at this moment. *Ours*."""

from __future__ import annotations


class Interrupted(BaseException):
    """SIGTERM cut in. A BaseException, so that no library takes it for an error of its own and goes on."""


class Stop:
    """Whether a program has been asked to stop.

    A flag that is looked at once an optimizer step would let a rollout of many tokens outlast the grace. So the signal
    cuts in, as Interrupted in the main thread, wherever nothing is lost that is to be kept: while a program loads, and
    while rollouts and gradients of an optimizer step are made. Elsewhere (the optimizer's update, a save) it waits.
    """

    def __init__(self) -> None:
        self.asked = False
        """SIGTERM has come."""
        self._cuts_in = False

    def let_in(self) -> None:
        """From now on SIGTERM cuts in; one that has come already does so now."""
        self._cuts_in = True
        if self.asked:
            self.on_signal()

    def hold_off(self) -> None:
        """From now on SIGTERM only sets `asked`."""
        self._cuts_in = False

    def on_signal(self, *_: object) -> None:
        """The handler of SIGTERM. It cuts in once: what is done about it is not to be interrupted again."""
        self.asked = True
        if self._cuts_in:
            self._cuts_in = False
            raise Interrupted
