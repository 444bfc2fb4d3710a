"""Canaries: cases with known verdicts, judged before work and again and again during it.

A verifier that has gone wrong (another version of a library, a broken edit, a damaged file) would otherwise teach the
policy nonsense in silence. The TypeScript side does the same (``stages/verifier/canaries.ts``).
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from orrery_trainers.pod.failures import InvalidInput

if TYPE_CHECKING:
    from orrery_trainers.domains import Domain, Verdict
    from orrery_trainers.verdicts.verifier import Verifier

VERDICTS = 5_000
SECONDS = 600.0
"""Canaries are judged again after so many verdicts or so much time. *Ours*."""
OF_THE_MACHINE = frozenset({"timeout", "memory", "crash"})
"""Reasons for being without a verdict that a slow or a full machine has too."""


class WatchedVerifier:
    """A verifier whose canaries are judged before the first verdict, and every so often after."""

    def __init__(self, domain: Domain, verifier: Verifier, verdicts: int = VERDICTS, seconds: float = SECONDS) -> None:
        """Raises InvalidInput as :func:`check_canaries` does."""
        self._domain, self._verifier = domain, verifier
        self._verdicts, self._seconds = verdicts, seconds
        self._given, self._checked_at = 0, time.monotonic()
        check_canaries(domain, verifier)

    def verify_batch(self, items: list[tuple[str, str, str]]) -> list[Verdict]:
        """Judge `(problem, reference, completion)`s. Raises InvalidInput once a canary is misjudged."""
        verdicts = self._verifier.verify_batch(items)
        self._given += len(verdicts)
        if self._given >= self._verdicts or time.monotonic() - self._checked_at >= self._seconds:
            wrong = misjudged(self._domain, self._verifier)
            if wrong:
                raise InvalidInput(
                    f"the verifier of domain {self._domain.name} has gone wrong while it worked: {wrong[0]}; "
                    f"the last {self._given} verdicts are not to be trusted: "
                    "mend it, and go on from a checkpoint before"
                )
            self._given, self._checked_at = 0, time.monotonic()
        return verdicts


def check_canaries(domain: Domain, verifier: Verifier) -> None:
    """Have the verifier judge the domain's canaries before it judges anything that teaches.

    Raises InvalidInput when there are none, or a verdict is another than the canary states.
    """
    wrong = misjudged(domain, verifier, before=True)
    if wrong:
        raise InvalidInput(f"{wrong[0]}; nothing may be trained on its word until it is mended")


def misjudged(domain: Domain, verifier: Verifier, *, before: bool = False) -> list[str]:
    """What is wrong with the verifier, in words; nothing when it judges every canary as that states.

    before: no work is done yet, so that a canary which the machine was too slow for counts too.
    """
    # @loads domains/{domain}/canaries.jsonl?
    file = domain.folder / "canaries.jsonl"
    if not file.is_file():
        raise InvalidInput(
            f"{file}: expected cases that the verifier of {domain.name} must judge right, but there are none"
        )
    canaries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    items = [(one["problem"], one["reference"], one["completion"]) for one in canaries]
    verdicts = verifier.verify_batch(items, fresh=True)
    return [
        f"{file}:{number}: expected the verdict {canary['verdict']}, but the verifier said {came.verdict}"
        for number, (canary, came) in enumerate(zip(canaries, verdicts, strict=True), start=1)
        if came.verdict != canary["verdict"] and (before or came.reason not in OF_THE_MACHINE)
    ]
