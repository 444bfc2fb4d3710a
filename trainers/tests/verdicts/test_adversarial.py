# ruff: noqa: RUF001 -- look-alikes are what is tested
"""Adversarial answers: no hang, no crash, no wrong `right`. docs/verifier.md describes them."""

import json
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orrery_trainers.domains import load_domain
from orrery_trainers.paths import PROJECT, TRAINERS
from orrery_trainers.verdicts.pool import PoolLimits
from orrery_trainers.verdicts.verifier import Verifier

DIGITS = 1_000_000

# reference, completion, verdicts that it may get
TABLE = {
    # nested braces
    "a thousand boxes in each other": ("42", "\\boxed{" * 1000 + "42" + "}" * 1000, "unjudged"),
    "five thousand braces": ("42", "\\boxed{" + "{" * 5000 + "42" + "}" * 5000 + "}", "unjudged"),
    "a hundred thousand open braces before the box": ("42", "{" * 100_000 + "\\boxed{42}", "right"),
    "a box that is not closed": ("42", "\\boxed{42", "wrong"),
    "braces too many": ("42", "\\boxed{42}}}}}", "right"),
    "fractions in fractions": ("2", "\\boxed{" + "\\frac{1}{" * 300 + "2" + "}" * 300 + "}", "unjudged"),
    # huge exponents
    "a tower of nines": ("42", "\\boxed{9^{9^{9}}}", "unjudged"),
    "one from two towers": ("1", "\\boxed{10^{10^{10}} - 10^{10^{10}} + 1}", "unjudged"),
    "factorials of factorials": ("42", "\\boxed{42!!!!}", "unjudged"),
    # a megabyte of digits
    "a megabyte of digits in a box": ("42", "\\boxed{" + "9" * DIGITS + "}", "unjudged"),
    "a megabyte of digits": ("42", "9" * DIGITS, "wrong"),
    "a megabyte of decimals": ("42", "\\boxed{42." + "0" * DIGITS + "}", "unjudged"),
    # Unicode look-alikes
    "full-width digits": ("42", "\\boxed{４２}", "wrong"),
    "a Cyrillic x": ("x", "\\boxed{х}", "wrong"),
    "a zero-width space": ("42", "\\boxed{4\u200b2}", "wrong"),
    "Arabic digits": ("42", "\\boxed{٤٢}", "wrong"),
    "superscripts": ("2", "\\boxed{²}", "wrong"),
    "a minus sign": ("-3", "\\boxed{−3}", "right"),
    # several boxed answers
    "the last box counts": ("41", "\\boxed{42} was wrong, so it is \\boxed{41}.", "right"),
    "not one given up": ("42", "\\boxed{42} was wrong, so it is \\boxed{41}.", "wrong"),
    "boxes joined by or are both given": ("42", "\\boxed{41} or \\boxed{42}", "wrong"),
    "boxes joined by a comma are a list": ("41, 42", "$\\boxed{41}$, $\\boxed{42}$", "right"),
    "every answer in one box": ("42", "\\boxed{40, 41, 42, 43}", "wrong"),
    "an answer before the last paragraph": ("42", "\\boxed{42}\n\nSo it is \\boxed{41}.", "wrong"),
    "a box in a box": ("42", "\\boxed{\\boxed{42}}", "right"),
    "no box, but it is called the answer": ("42", "So the answer is 42.", "right"),
    "no box, and just the last number": ("42", "We add and get 42", "wrong"),
    # units
    "the same unit": ("5\\text{ cm}", "\\boxed{5\\text{ centimeters}}", "right"),
    "a unit left out": ("5\\text{ cm}", "\\boxed{5}", "right"),
    "another unit": ("5\\text{ cm}", "\\boxed{5\\text{ m}}", "wrong"),
    "money": ("\\$36", "\\boxed{\\$36.00}", "right"),
    "another base": ("52_8", "\\boxed{52_9}", "wrong"),
    # signs that Math-Verify drops, and what it rounds away
    "not equal": ("42", "\\boxed{\\neq 42}", "wrong"),
    "at least": ("42", "\\boxed{\\ge 42}", "wrong"),
    "an equation that does not hold": ("42", "\\boxed{41 = 42}", "wrong"),
    "a small number rounded to nothing": ("10^{-7}", "\\boxed{0.0}", "wrong"),
    "six places of a third": ("\\frac13", "\\boxed{0.333333}", "right"),
    "two places of a third": ("\\frac13", "\\boxed{0.33}", "wrong"),
    # code
    "a program": ("42", "```python\nprint(42)\n```", "wrong"),
    "a program in a box": ("42", '\\boxed{__import__("os").system("touch PWNED")}', "wrong unjudged"),
    # nothing
    "an empty box": ("42", "\\boxed{ }", "wrong"),
    "nothing": ("42", "", "wrong"),
    "a control character": ("42", "\x00\\boxed{42}\x00", "right"),
    "not a number": ("42", "\\boxed{\\text{nan}}", "wrong"),
}


@pytest.fixture(scope="module")
def verifier():
    with Verifier("math", PoolLimits(judges=2, time_limit_seconds=1.0)) as verifier:
        yield verifier


def test_the_table_of_adversarial_answers(verifier, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    items = [("", reference, completion) for reference, completion, _ in TABLE.values()]
    verdicts = dict(zip(TABLE, verifier.verify_batch(items, fresh=True), strict=True))
    unexpected = {name: verdicts[name] for name in TABLE if verdicts[name].verdict not in TABLE[name][2].split()}
    assert unexpected == {}
    assert list(tmp_path.iterdir()) == []


PIECES = st.sampled_from(
    [
        *"{}[]()^_$\\&%#~|,.;:!<>=+-*/ 0123456789xyi∞½９\ud7ff",
        *["\n\n", "\\boxed{", "\\frac{", "\\sqrt{", "\\left(", "\\text{", "}}", "\\begin{pmatrix}", "\\end{pmatrix}"],
        *["\\\\", "\\infty", "\\pm", "and", "answer is"],
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.lists(PIECES, max_size=25).map("".join), min_size=1, max_size=12))
def test_no_text_is_right_by_chance_and_none_breaks_the_judges(verifier, texts):
    # No piece makes up this reference, so nothing may equal it.
    verdicts = verifier.verify_batch([("", "\\text{hippopotamus}", f"\\boxed{{{text}}}") for text in texts])
    assert all(one.verdict != "right" for one in verdicts)
    assert all(one.reason in {None, "timeout", "memory"} or "characters long" in one.reason for one in verdicts), (
        verdicts
    )


def pairs() -> list[tuple[str, str, str]]:
    """References of the benchmarks (some of MATH-500, which take the longest), each with a right answer and with
    that of another problem."""
    references = [
        json.loads(line)["answer"]
        for file in sorted((PROJECT / "data" / "benchmarks").glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()[:: 25 if file.stem == "math500" else 1]
    ]
    return [
        ("", reference, completion)
        for reference, other in zip(references, references[7:] + references[:7], strict=True)
        for completion in (f"The final answer is $\\boxed{{{reference}}}$.", f"So \\boxed{{{other}}}.")
    ]


def test_the_line_protocol_and_the_import_give_the_same_verdicts(verifier):
    """Thousands of pairs, through judges with and without the cache, and by the domain's function in this process."""
    items = pairs()
    assert len(items) > 2_700
    by_import = load_domain("math").verify
    direct = [by_import(*item) for item in items]
    lines = "".join(
        json.dumps({"id": number, "problem": p, "reference": r, "completion": c}) + "\n"
        for number, (p, r, c) in enumerate(items)
    )
    command = [sys.executable, "-m", "orrery_trainers.verdicts.verifier", "--domain", "math", "--cache", "0"]
    environment = {"PYTHONPATH": str(TRAINERS), "PATH": ""}
    ended = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, env=environment)
    answers = map(json.loads, ended.stdout.splitlines()[1:])  # the first line says that the program is ready
    by_line = {answer["id"]: (answer["verdict"], answer["answer"]) for answer in answers}
    cached = [(one.verdict, one.answer) for one in verifier.verify_batch(items)]
    expected = [(one.verdict, one.answer) for one in direct]
    assert [by_line[number] for number in range(len(items))] == expected
    assert cached == expected
    # No reference of a benchmark is one that cannot be judged.
    assert {verdict for verdict, _ in expected[::2]} == {"right"}
