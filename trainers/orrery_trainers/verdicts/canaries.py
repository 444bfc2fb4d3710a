"""Canaries: cases with known verdicts. They are judged before the work and regularly during it.

Otherwise a broken verifier (another version of a library, a wrong edit, a damaged file) would silently train the policy
with wrong rewards. The TypeScript side makes the same check (``stages/verifier/canaries.ts``).
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from orrery_trainers.pod.failures import InvalidInput

if TYPE_CHECKING:
    from orrery_trainers.domains import Domain, Verdict
    from orrery_trainers.verdicts.verifier import Verifier

CHECK_AFTER_VERDICTS = 5_000
CHECK_AFTER_SECONDS = 600.0
"""Canaries are judged again after this many verdicts or this much time, whichever comes first. *Ours*."""
MACHINE_REASONS = frozenset({"timeout", "memory", "crash"})
"""Reasons for a missing verdict that say nothing about the verifier: a slow or full machine causes them too."""


class WatchedVerifier:
    """A verifier that judges its canaries before the first verdict and regularly afterwards."""

    def __init__(
        self,
        domain: Domain,
        verifier: Verifier,
        verdicts: int = CHECK_AFTER_VERDICTS,
        seconds: float = CHECK_AFTER_SECONDS,
    ) -> None:
        """Judges the canaries. Raises InvalidInput like :func:`check_canaries`.

        verdicts, seconds: the canaries are judged again after this many verdicts or this much time.
        """
        self._domain, self._verifier = domain, verifier
        self._verdicts, self._seconds = verdicts, seconds
        self._given, self._checked_at = 0, time.monotonic()
        check_canaries(domain, verifier)

    def verify_batch(self, items: list[tuple[str, str, str]]) -> list[Verdict]:
        """Judge `(problem, reference, completion)` items. Raises InvalidInput if a canary is misjudged."""
        verdicts = self._verifier.verify_batch(items)
        self._given += len(verdicts)
        if self._given >= self._verdicts or time.monotonic() - self._checked_at >= self._seconds:
            wrong = misjudged(self._domain, self._verifier)
            if wrong:
                raise InvalidInput(
                    f"the verifier of domain {self._domain.name} has gone wrong while it worked: {wrong[0]}; "
                    f"the last {self._given} verdicts are not to be trusted: "
                    "fix the verifier, and resume from a checkpoint before them"
                )
            self._given, self._checked_at = 0, time.monotonic()
        return verdicts


def check_canaries(domain: Domain, verifier: Verifier) -> None:
    """Judge the domain's canaries before the verifier gives any reward.

    Raises InvalidInput if there are none, or if the verifier misjudges one.
    """
    wrong = misjudged(domain, verifier, before=True)
    if wrong:
        raise InvalidInput(f"{wrong[0]}; fix the verifier before training with its verdicts")


def misjudged(domain: Domain, verifier: Verifier, *, before: bool = False) -> list[str]:
    """One message for each canary that the verifier misjudges; empty if the verifier is right.

    before: no work is done yet, so a canary counts even if only the machine was too slow for it.
    Raises InvalidInput if the domain has no canaries.
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
        if came.verdict != canary["verdict"] and (before or came.reason not in MACHINE_REASONS)
    ]
