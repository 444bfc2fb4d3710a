"""The domain countdown: problems, demonstrations, verdicts."""

from itertools import islice

import pytest

from orrery_trainers.domains import DomainError, load_domain
from orrery_trainers.models.tokenizer import SPECIAL_TOKENS

PROBLEM = "Use 3 5 7 to make 26 :"


@pytest.fixture(scope="module")
def countdown():
    return load_domain("countdown")


@pytest.mark.parametrize(
    ("completion", "verdict", "answer"),
    [
        ("3 * 7 = 21 . 21 + 5 = 26 . Final answer: 3 * 7 = 21 , 21 + 5 = 26", "right", "3 * 7 = 21 , 5 + 21 = 26"),
        ("Final answer: 7 * 3 = 21 , 5 + 21 = 26 .", "right", "3 * 7 = 21 , 5 + 21 = 26"),
        ("Final answer: 3 + 5 = 8 , 8 + 7 = 15", "wrong", "3 + 5 = 8 , 7 + 8 = 15"),
        ("Final answer: 3 * 7 = 21 , 21 + 5 = 27", "wrong", "3 * 7 = 21 , 5 + 21 = 27"),
        ("Final answer: 13 + 13 = 26", "wrong", "13 + 13 = 26"),
        ("Final answer: 5 * 5 = 25 , 25 + 1 = 26", "wrong", "5 * 5 = 25 , 1 + 25 = 26"),
        ("Final answer: 3 times 7", "wrong", None),
        ("3 * 7 = 21 . 21 + 5 = 26 .", "wrong", None),
        ("", "wrong", None),
    ],
)
def test_verdict(countdown, completion, verdict, answer):
    judged = countdown.verify(PROBLEM, "26", completion)
    assert (judged.verdict, judged.answer) == (verdict, answer)


def test_the_last_of_several_answers_counts(countdown):
    completion = "Final answer: 3 + 5 = 8 , 8 + 7 = 15 . Final answer: 3 * 7 = 21 , 21 + 5 = 26"
    assert countdown.verify(PROBLEM, "26", completion).verdict == "right"


def test_a_problem_that_does_not_ask_for_the_reference_is_unjudged(countdown):
    assert countdown.verify(PROBLEM, "27", "Final answer: 13 + 13 = 26").verdict == "unjudged"


def test_problems_are_unique_reproducible_and_disjoint_from_the_held_out_ones(countdown):
    trained = countdown.generate_problems(200, 1, False, {})
    held_out = countdown.generate_problems(100, 1, True, {})
    assert len({problem.id for problem in trained}) == 200
    assert countdown.generate_problems(200, 1, False, {}) == trained
    assert not {problem.id for problem in trained} & {problem.id for problem in held_out}


def test_more_problems_than_there_are_is_refused(countdown):
    with pytest.raises(DomainError, match="expected settings of countdown that allow 500"):
        countdown.generate_problems(500, 0, False, {"numbers": 2, "maxNumber": 3})


def test_an_unknown_setting_is_named(countdown):
    with pytest.raises(DomainError, match=r"domain\.settings\.number: no such setting"):
        countdown.vocabulary({"number": 3})


def test_the_vocabulary_covers_every_demonstration(countdown):
    vocabulary = countdown.vocabulary({})
    phrases = sorted((entry for entry in vocabulary if " " in entry), key=len, reverse=True)
    for prompt, completion in islice(countdown.demonstrations(0, {}), 500):
        text = f"{prompt} {completion}"
        for phrase in phrases:
            text = text.replace(phrase, " ")
        assert set(text.split()) <= set(vocabulary)
    assert not set(vocabulary) & set(SPECIAL_TOKENS)


def test_demonstrations_never_show_a_held_out_problem(countdown):
    held_out = {problem.problem for problem in countdown.generate_problems(300, 5, True, {})}
    shown = {prompt.removeprefix("Notes : ") for prompt, _ in islice(countdown.demonstrations(0, {}), 3000)}
    assert not shown & held_out


def test_some_demonstrated_solutions_are_wrong_and_most_are_right(countdown):
    verdicts = [
        countdown.verify(prompt, prompt.split()[-2], completion).verdict
        for prompt, completion in islice(countdown.demonstrations(0, {}), 1000)
        if prompt.startswith("Use")
    ]
    assert 0.5 < verdicts.count("right") / len(verdicts) < 0.9


def test_backtracks_are_returns_and_restarts(countdown):
    phrases = countdown.phrases
    text = f"1 + 2 = 3 . {phrases.go_back.format(place=3)} 3 + 4 = 7 . {phrases.restart} {phrases.reflection}"
    assert countdown.count_backtracks(text) == 2
