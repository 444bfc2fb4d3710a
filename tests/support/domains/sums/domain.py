"""A minimal domain for tests of the stage programs: the answer to `2 + 3 =` is `Answer: 5`."""

import os
import random
import signal
from itertools import product
from typing import Any

from orrery_trainers.domains import DomainError, Problem, Verdict


def verify(problem: str, reference: str, completion: str) -> Verdict:
    """Compare the text after the last `Answer:` with the reference. A completion with `unclear` is unjudged.

    For tests of the verifier's limits, `for ever` is an endless loop, and `falls dead` kills the judge.
    """
    if "for ever" in completion:
        while True:
            pass
    if "falls dead" in completion:
        os.kill(os.getpid(), signal.SIGKILL)
    if "unclear" in completion:
        return Verdict("unjudged", None, "unclear")
    _, found, answer = completion.rpartition("Answer:")
    answer = answer.strip()
    return Verdict("right" if found and answer == reference else "wrong", answer if found else None)


def generate_problems(count: int, seed: int, held_out: bool, settings: dict[str, Any]) -> list[Problem]:
    """Make `count` different sums. Sums of two even numbers are held out."""
    numbers = range(1, settings.get("largest", 30) + 1)
    sums = [(a, b) for a, b in product(numbers, repeat=2) if (a % 2 == 0 and b % 2 == 0) == held_out]
    if len(sums) < count:
        raise DomainError(f"data: expected at most {len(sums)} sums, but got {count}; raise domain.settings.largest")
    random.Random(seed).shuffle(sums)
    return [Problem(f"{a}+{b}", f"{a} + {b} =", str(a + b), "sums") for a, b in sums[:count]]
