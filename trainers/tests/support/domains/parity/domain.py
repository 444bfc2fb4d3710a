"""A domain for tests of the trainers: half of all texts are right, so that every policy has something to learn from."""

from collections.abc import Iterator
from typing import Any

from orrery_trainers.domains import Verdict

WORDS = ["a", "b", "c", "d", "say", "Right.", "Wrong.", "Back", "Again", "So:", "Hm"]


def vocabulary(settings: dict[str, Any]) -> list[str]:
    return WORDS


def demonstrations(seed: int, settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    number = seed
    while True:
        number += 1
        yield f"say {WORDS[number % 4]}", " ".join(WORDS[(number + i) % 4] for i in range(1 + number % 5)) + " Right."


def verify(problem: str, reference: str, completion: str) -> Verdict:
    if reference == "unjudged":
        return Verdict("unjudged", None)
    if reference == "never":
        return Verdict("wrong", completion)
    return Verdict("right" if sum(completion.encode()) % 2 == 0 else "wrong", completion)
