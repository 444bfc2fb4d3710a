"""Mathematics: final answers in TeX, compared by Math-Verify (symbolically, not as strings).

The reference is an answer such as ``\\frac{1}{2}``, ``42`` or a text that holds one in ``\\boxed{}`` or between
dollars. Math-Verify's own time limits are signals, which C code ignores: they are off here, and the verdict pool kills
what takes too long.
"""

import logging
import re
from functools import lru_cache
from typing import Any

from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse
from math_verify import verify as equal
from sympy import Basic, Expr, Float, expand, nsimplify

from orrery_trainers.domains import Verdict

# Math-Verify warns on every call that its time limits are off.
logging.getLogger("math_verify").setLevel(logging.ERROR)

EXTRACTION = (LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig())
"""A boxed answer wins over any other expression of the text."""


def verify(problem: str, reference: str, completion: str) -> Verdict:
    """Judge the final answer of a completion. No answer is wrong; without a reference nothing can be judged."""
    wanted = _reference(reference)
    if not wanted:
        return Verdict("unjudged", None, f"expected a reference with an answer in it, but got {reference!r}")
    found = _parse(_conclusion(completion))
    if not found:
        return Verdict("wrong", None)
    right = equal(list(wanted), found, timeout_seconds=None)
    return Verdict("right" if right else "wrong", _normalised(found[0]))


def _conclusion(completion: str) -> str:
    """The last paragraph with a box: before it may be boxes of answers given up. Without any box, all of the text."""
    boxed = [paragraph for paragraph in re.split(r"\n\s*\n", completion) if "\\boxed" in paragraph]
    return boxed[-1] if boxed else completion


@lru_cache(maxsize=4096)
def _reference(text: str) -> tuple[Any, ...]:
    """Parsed forms of a reference: of its marked answer, or of the whole where nothing is marked."""
    marked = "\\boxed" in text or "$" in text
    return tuple(_parse(text if marked else f"\\boxed{{{text}}}"))


def _parse(text: str) -> list[Any]:
    return parse(text, extraction_config=EXTRACTION, parsing_timeout=None)


def _normalised(expression: Any) -> str:
    """Canonical print of an answer: multiplied out, decimals as fractions (``1/2`` for 0.5 and for one half)."""
    if not isinstance(expression, Basic):
        return " ".join(str(expression).split())
    canonical = expression.doit()
    if isinstance(canonical, Expr):
        canonical = expand(nsimplify(canonical, rational=True) if canonical.has(Float) else canonical)
    return str(canonical)
