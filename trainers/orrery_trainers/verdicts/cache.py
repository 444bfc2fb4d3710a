"""Verdicts that were given before, by reference and final answer.

The cache lives and dies with the process that loaded the verifier, so no verdict of another version is ever in it. What
was not decided (a time-out, a lack of memory) is not kept: on a machine with less to do it may be.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from hashlib import blake2b
from typing import Any

from orrery_trainers.domains import Domain

LONGEST_LINE = 1 << 20
"""Bytes of a request that is looked up at all: parsing a longer one takes longer than most verdicts."""


class VerdictCache:
    """The `size` verdicts used last; none where `size` is 0. Keys are 16 bytes, an entry takes some 300."""

    def __init__(self, domain: Domain, size: int) -> None:
        self._domain, self._size = domain, size
        self._known: OrderedDict[bytes, tuple[str, str | None]] = OrderedDict()
        self.hits = self.misses = 0

    def look_up(self, line: bytes) -> tuple[bytes | None, dict[str, Any] | None]:
        """The key of a request (None where it is not to be kept), and its answer where that is known."""
        if self._size == 0 or len(line) > LONGEST_LINE:
            return None, None
        try:
            request = json.loads(line)
            if request.get("fresh"):
                return None, None
            key = self._key(request["problem"], request["reference"], request["completion"])
            number = request.get("id")
        except Exception:
            return None, None  # the judge says what is wrong with it
        known = self._known.get(key)
        if known is None:
            self.misses += 1
            return key, None
        self.hits += 1
        self._known.move_to_end(key)
        return key, {"id": number, "verdict": known[0], "answer": known[1]}

    def keep(self, key: bytes, answer: bytes) -> None:
        """Remember an answer line of a judge."""
        given = json.loads(answer)
        if given["verdict"] == "unjudged":
            return
        self._known[key] = (given["verdict"], given["answer"])
        self._known.move_to_end(key)
        if len(self._known) > self._size:
            self._known.popitem(last=False)

    def _key(self, problem: str, reference: str, completion: str) -> bytes:
        find = self._domain.final_answer
        # What depends on the answer alone does not depend on the problem.
        parts = ("", reference, find(completion)) if find else (problem, reference, completion)
        return blake2b(json.dumps(parts).encode(), digest_size=16).digest()
