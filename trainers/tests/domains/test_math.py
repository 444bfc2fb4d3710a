"""The domain math: pairs of reference and completion that are equal or different to a mathematician."""

import pytest

from orrery_trainers.domains import load_domain


@pytest.fixture(scope="module")
def math():
    return load_domain("math")


@pytest.mark.parametrize(
    ("reference", "completion", "verdict", "answer"),
    [
        (r"\frac{1}{2}", r"So it is $\boxed{0.5}$.", "right", "1/2"),
        ("1/2", r"\boxed{\frac{2}{4}}", "right", "1/2"),
        (r"2\sqrt{2}", r"\boxed{\sqrt{8}}", "right", "2*sqrt(2)"),
        ("x^2+2x+1", r"\boxed{(x+1)^2}", "right", "x**2 + 2*x + 1"),
        (r"\{1,2\}", r"\boxed{\{2,1\}}", "right", "{1, 2}"),
        ("10,000", r"\boxed{10000}", "right", "10000"),
        (r"$\frac{\pi}{2}$", r"The final answer is $\boxed{\frac{\pi}{2}}$.", "right", "pi/2"),
        ("x=3", r"\boxed{3}", "right", "3"),
        ("42", r"\boxed{41}", "wrong", "41"),
        ("42", "I do not know.", "wrong", None),
    ],
)
def test_verdict(math, reference, completion, verdict, answer):
    judged = math.verify("", reference, completion)
    assert (judged.verdict, judged.answer) == (verdict, answer)


def test_an_answer_given_up_before_does_not_count(math):
    completion = "The final answer is \\boxed{4}.\n\nBut wait. Let's restart.\n\nThe final answer is \\boxed{5}."
    assert math.verify("", "5", completion).verdict == "right"
    assert math.verify("", "4", completion).verdict == "wrong"


def test_without_a_reference_nothing_is_judged(math):
    assert math.verify("", "", r"\boxed{3}").verdict == "unjudged"
