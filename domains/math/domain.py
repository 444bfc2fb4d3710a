"""Mathematics: Math-Verify compares final answers in TeX, symbolically.

``docs/verifier.md`` describes which answer counts, and where this domain overrules Math-Verify. Math-Verify's own time
limits are signals, which C code ignores. So they are off here; the verdict pool kills a judge that takes too long.
"""

import logging
import re
from functools import lru_cache
from typing import Any

from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse
from math_verify import verify as equal
from sympy import Basic, Eq, Expr, Float, Integral, Limit, Pow, Product, Sum, expand, nsimplify, preorder_traversal

from orrery_trainers.domains import Verdict

# Math-Verify would warn on every call that its time limits are off.
logging.getLogger("math_verify").setLevel(logging.ERROR)

BOXED = (LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig())
"""A boxed answer has priority over any other expression in the text."""
ANNOUNCED = (
    LatexExtractionConfig(boxed_match_priority=-1, try_extract_without_anchor=False),
    ExprExtractionConfig(try_extract_without_anchor=False),
)
"""Only an expression that the text announces as its answer."""
MAX_ANSWER_LENGTH = 2_000
"""Maximum length of an answer, in characters. *Ours*: no reference answer has a tenth of it."""
END_LENGTH = 2_000
"""If a completion has no box, its answer is searched in this many characters at its end. *Ours*."""


def verify(problem: str, reference: str, completion: str) -> Verdict:
    """Judge the final answer of a completion. Without an answer it is wrong; without a reference it is unjudged."""
    wanted = _reference(reference)
    if not wanted:
        return Verdict("unjudged", None, f"expected a reference with an answer in it, but got {reference!r}")
    text = final_answer(completion)
    if text is None:
        return Verdict("wrong", None)
    boxed = "\\boxed" in text
    if boxed and len(text) > MAX_ANSWER_LENGTH:
        return Verdict("unjudged", None, f"the answer is {len(text)} characters long, more than {MAX_ANSWER_LENGTH}")
    # pyrefly: ignore[bad-argument-type]  # None switches off the time limit of Math-Verify
    found = parse(text, extraction_config=BOXED if boxed else ANNOUNCED, parsing_timeout=None)
    if not found:
        return Verdict("wrong", None)
    right = equal(list(wanted), found, timeout_seconds=None) and not refuted(reference, text, wanted[0], found[0])
    return Verdict("right" if right else "wrong", _normalised(found[0]))


def final_answer(completion: str) -> str | None:
    """The part of a completion that decides its verdict; None if it gives no answer.

    This is the last box of the last paragraph with a box, because earlier paragraphs may contain abandoned answers.
    Earlier boxes in that paragraph are included if only a comma, "and" or "or" separates them from the next box.
    Without a box, it is the text after the last ``####``, as a box. Without that, it is the end of the completion,
    where Math-Verify accepts only an announced answer.
    """
    boxed = [paragraph for paragraph in re.split(r"\n\s*\n", completion) if "\\boxed" in paragraph]
    if not boxed:
        _, marked, behind = completion.rpartition("####")
        if marked:
            answer = behind.strip().partition("\n")[0]
            return f"\\boxed{{{answer}}}" if answer else None
        return completion[-END_LENGTH:]
    boxes = _boxes(boxed[-1])
    if boxes is None:
        return None
    return ", ".join(boxed[-1][start:end] for start, end in boxes)


_TOKEN = re.compile(r"\\boxed\s*\{|\\.|[{}]", re.DOTALL)
_JOINT = re.compile(r"(?:[\s$,;.]|\\[()\[\]])*(?:(?:and|or)(?:\s|\$|\\[(\[])*)?")


def _boxes(paragraph: str) -> list[tuple[int, int]] | None:
    """Places (start, end) of the last joined boxes, in order. None if there is no box or the last one is not closed."""
    boxes: list[tuple[int, int]] = []  # closed boxes, without nested ones
    opened: list[int | None] = []  # open braces: the start of a box, None for any other brace
    for token in _TOKEN.finditer(paragraph):
        if token[0].endswith("{") and token[0] != "\\{":
            opened.append(token.start() if len(token[0]) > 1 else None)
        elif token[0] == "}" and opened:
            start = opened.pop()
            if start is not None:
                while boxes and boxes[-1][0] > start:
                    boxes.pop()  # it is inside this box
                boxes.append((start, token.end()))
    if not boxes or any(start is not None and start > boxes[-1][0] for start in opened):
        return None
    first = len(boxes) - 1
    while first > 0 and _JOINT.fullmatch(paragraph, boxes[first - 1][1], boxes[first][0]):
        first -= 1
    return boxes[first:]


@lru_cache(maxsize=4096)
def _reference(text: str) -> tuple[Any, ...]:
    """Parsed forms of a reference: of its marked answer, or of the whole text if nothing is marked."""
    marked = "\\boxed" in text or re.search(r"(?<!\\)\$", text)
    # pyrefly: ignore[bad-argument-type]  # None switches off the time limit of Math-Verify
    return tuple(parse(text if marked else f"\\boxed{{{text}}}", extraction_config=BOXED, parsing_timeout=None))


NOT_EQUAL = re.compile(r"\\boxed\s*\{\s*(\\not|\\neq?\b|\\geq?\b|\\leq?\b|\\gt\b|\\lt\b|[<>≠≥≤])")
BASE = re.compile(r"\d_\{?(\d+)\}?")
RELATIVE_PRECISION = 1e-5
"""Math-Verify rounds even small decimals to 6 places. *Ours*: 0.333333 equals a third, but 0.0 does not equal 1e-7."""


def refuted(reference: str, text: str, wanted: Any, found: Any) -> bool:
    """Whether an answer that Math-Verify accepts is wrong. Math-Verify ignores or rounds facts that matter. *Ours*."""
    relation = NOT_EQUAL.search(text)
    if relation and not reference.strip().lstrip("$").lstrip().startswith(relation[1]):
        return True
    bases, theirs = BASE.findall(reference), BASE.findall(text)
    if bases and theirs and bases != theirs:
        return True
    unit, other = _unit_of(reference), _unit_of(text)
    if unit is not None and other is not None and unit != other:
        return True
    if isinstance(found, Eq) and not found.free_symbols and not found.doit():
        return True  # 41 = 42
    return _far(wanted, found)


UNITS = {
    name: index
    for index, names in enumerate(
        [
            *["mm millimeter", "cm centimeter", "m meter", "km kilometer", "in inch inche", "ft foot feet", "yd yard"],
            *["mi mile", "mg milligram", "g gram", "kg kilogram", "lb pound", "oz ounce", "s sec second"],
            *["min minute", "h hr hour", "day", "week", "month", "year", "ml milliliter", "l liter", "gallon gal"],
            *["cent", "dollar", "mph", "degree", "radian"],
        ]
    )
    for name in names.split()
}


def _unit_of(text: str) -> int | None:
    """The unit after a number in a text, as a value of UNITS; None if there is no known unit."""
    words = re.findall(r"[\d}]\s*(?:\\[,;: ]|~|\s)*\\(?:text|mathrm|textrm|mbox)\s*\{\s*([a-zA-Z]+)", text)
    name = words[-1].lower() if words else ""
    return UNITS.get(name, UNITS.get(name.removesuffix("s")))


def _far(wanted: Any, found: Any) -> bool:
    """Whether two numbers, one of them a decimal, differ by more than :data:`RELATIVE_PRECISION`."""
    if not (isinstance(wanted, Expr) and isinstance(found, Expr)) or not (wanted.has(Float) or found.has(Float)):
        return False
    if wanted.free_symbols or found.free_symbols:
        return False
    try:
        # pyrefly: ignore[no-matching-overload]  # SymPy has __complex__
        one, other = (abs(complex(number.doit().evalf(15))) for number in (wanted, found))
    except TypeError:
        return False  # they are not numbers
    # A percentage may differ from the reference by a factor of 100. Math-Verify decides about that.
    return one < 1e-2 and abs(one - other) > RELATIVE_PRECISION * max(one, other)


LARGEST_EXPONENT = 30


def _normalised(expression: Any) -> str:
    """The canonical text of an answer: expanded, with decimals as fractions (``1/2`` for 0.5 and for one half).

    Expressions that would take long to compute stay unchanged.
    """
    if not isinstance(expression, Basic):
        return " ".join(str(expression).split())
    if expression.has(Integral, Limit, Sum, Product) or any(map(_is_large, preorder_traversal(expression))):
        return str(expression)
    canonical = expression.doit()
    if isinstance(canonical, Expr):
        canonical = expand(nsimplify(canonical, rational=True) if canonical.has(Float) else canonical)
    return str(canonical)


def _is_large(part: Any) -> bool:
    # pyrefly: ignore[unsupported-operation]  # compared as SymPy does
    return isinstance(part, Pow) and not (part.exp.is_number and abs(part.exp) <= LARGEST_EXPONENT)


def warm_up() -> None:
    """Load and compile everything that would slow down the first verdicts. Called before judges are forked."""
    for reference, answer in [
        ("\\frac{1}{2}", "0.5"),
        ("(1,2)", "(2,1)"),
        ("x^2-1", "(x-1)(x+1)"),
        ("\\{1\\}", "[0,1)"),
    ]:
        verify("", reference, f"\\boxed{{{answer}}}")
