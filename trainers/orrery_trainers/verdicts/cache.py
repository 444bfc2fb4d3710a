"""A cache of verdicts, by reference and final answer.

The cache is in the memory of the process that loaded the verifier, so it never has a verdict of another version.
Unjudged completions (a time-out, a lack of memory) are not cached, because another try may succeed.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from hashlib import blake2b
from typing import Any

from orrery_trainers.domains import Domain

MAX_LINE_BYTES = 1 << 20
"""Maximum size of a request for a look-up. Parsing a longer one takes longer than most verdicts. *Ours*."""


class VerdictCache:
    """The `size` most recently used verdicts; no cache if `size` is 0. An entry takes about 300 bytes."""

    def __init__(self, domain: Domain, size: int) -> None:
        self._domain, self._size = domain, size
        self._known: OrderedDict[bytes, tuple[str, str | None]] = OrderedDict()
        self.hits = self.misses = 0

    def look_up(self, line: bytes) -> tuple[bytes | None, dict[str, Any] | None]:
        """Find the answer to a request.

        line: the request as one line of JSON.
        Returns the key (None if the verdict must not be cached) and the answer (None if it is not cached).
        """
        if self._size == 0 or len(line) > MAX_LINE_BYTES:
            return None, None
        try:
            request = json.loads(line)
            if request.get("fresh"):
                return None, None
            key = self._key(request["problem"], request["reference"], request["completion"])
            number = request.get("id")
        except Exception:
            return None, None  # the judge reports what is wrong with the request
        known = self._known.get(key)
        if known is None:
            self.misses += 1
            return key, None
        self.hits += 1
        self._known.move_to_end(key)
        return key, {"id": number, "verdict": known[0], "answer": known[1]}

    def keep(self, key: bytes, answer: bytes) -> None:
        """Cache the answer line of a judge, unless it is unjudged."""
        given = json.loads(answer)
        if given["verdict"] == "unjudged":
            return
        self._known[key] = (given["verdict"], given["answer"])
        self._known.move_to_end(key)
        if len(self._known) > self._size:
            self._known.popitem(last=False)

    def _key(self, problem: str, reference: str, completion: str) -> bytes:
        find = self._domain.final_answer
        # If the verdict depends on the final answer alone, the problem is not part of the key.
        parts = ("", reference, find(completion)) if find else (problem, reference, completion)
        return blake2b(json.dumps(parts).encode(), digest_size=16).digest()
