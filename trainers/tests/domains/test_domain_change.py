"""Exact change: problems, verdicts, and a vocabulary that covers every text for the stand-in policy."""

from __future__ import annotations

import itertools
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orrery_trainers.domains import DomainError, domains_folder, load_domain
from orrery_trainers.models.tokenizer import build_tokenizer

CHANGE = load_domain("change")
PROBLEM = "Pay 33 with 4 coins of 1 12 7 :"


def payable(problem: str) -> bool:
    """Whether some coins pay the amount, by trying all."""
    amount, coins, *kinds = map(int, re.findall(r"\d+", problem))
    return any(sum(paid) == amount for paid in itertools.combinations_with_replacement(kinds, coins))


def some_demonstrations(count: int, **changes: float) -> list[tuple[str, str]]:
    return list(itertools.islice(CHANGE.demonstrations(5, changes), count))


@pytest.mark.parametrize(
    ("declared", "verdict", "answer"),
    [
        ("12 7 7 7", "right", "7 7 7 12"),
        ("7 12 7 7", "right", "7 7 7 12"),
        ("12 7 7 7 .", "right", "7 7 7 12"),
        (f"12 7 7 7 {CHANGE.phrases.reflection}", "right", "7 7 7 12"),
        ("12 12 7 1", "wrong", "1 7 12 12"),
        ("12 12 7 1 1", "wrong", "1 1 7 12 12"),
        ("11 11 11 0", "wrong", "0 11 11 11"),
        ("12 7 7", "wrong", "7 7 12"),
        ("12 7 7 7 is left", "wrong", None),
        ("", "wrong", None),
    ],
)
def test_the_coins_declared_are_judged(declared: str, verdict: str, answer: str | None) -> None:
    came = CHANGE.verify(PROBLEM, "33", f"33 - 12 = 21 . Final answer: {declared}")
    assert (came.verdict, came.answer) == (verdict, answer)


def test_a_text_without_a_final_answer_is_wrong_and_has_no_answer() -> None:
    assert CHANGE.verify(PROBLEM, "33", "33 - 12 = 21 .").verdict == "wrong"
    assert CHANGE.verify(PROBLEM, "33", "33 - 12 = 21 .").answer is None


@pytest.mark.parametrize(("problem", "reference"), [(PROBLEM, "34"), ("Pay 33 :", "33"), ("", "")])
def test_a_problem_that_is_not_understood_is_unjudged(problem: str, reference: str) -> None:
    assert CHANGE.verify(problem, reference, "Final answer: 12 7 7 7").verdict == "unjudged"


@settings(max_examples=50)
@given(
    st.text(alphabet="0123456789 .:-aF") | st.sampled_from(["Final answer: " * 3, "Final answer: 99999999999999999999"])
)
def test_no_text_breaks_the_verifier(completion: str) -> None:
    assert CHANGE.verify(PROBLEM, "33", completion).verdict == "wrong"


def test_the_canaries_have_the_verdicts_that_they_state() -> None:
    lines = (domains_folder() / "change" / "canaries.jsonl").read_text(encoding="utf-8").splitlines()
    for canary in map(json.loads, lines):
        assert CHANGE.verify(canary["problem"], canary["reference"], canary["completion"]).verdict == canary["verdict"]


@pytest.mark.parametrize(
    "changes", [{}, {"kinds": 3}, {"kinds": 5, "coins": 6}, {"largestCoin": 40, "largestAmount": 80}]
)
def test_problems_differ_can_be_solved_and_come_again_from_their_seed(changes: dict[str, int]) -> None:
    problems = CHANGE.generate_problems(100, 3, False, changes)
    assert len({one.id for one in problems}) == 100
    assert all(payable(one.problem) for one in problems)
    assert problems == CHANGE.generate_problems(100, 3, False, changes)
    assert problems != CHANGE.generate_problems(100, 4, False, changes)


def test_held_out_problems_never_overlap_with_problems_and_demonstrations() -> None:
    held_out = CHANGE.generate_problems(300, 1, True, {})
    searched = CHANGE.generate_problems(1000, 1, False, {})
    assert not {one.id for one in held_out} & {one.id for one in searched}

    def identity(text: str) -> tuple[int, int, frozenset[int]]:
        amount, coins, *kinds = map(int, re.findall(r"\d+", text.partition(" :")[0]))
        return amount, coins, frozenset(kinds)

    shown = {identity(prompt.removeprefix("Notes : ")) for prompt, _ in some_demonstrations(2000) if "Pay" in prompt}
    assert not shown & {identity(one.problem) for one in held_out}


def test_more_problems_than_there_are_are_refused() -> None:
    with pytest.raises(DomainError, match="expected settings of change that allow 1000 different problems"):
        CHANGE.generate_problems(1000, 1, True, {"kinds": 3, "coins": 3, "largestCoin": 5})


def test_the_vocabulary_covers_demonstrations_and_every_text_of_a_trace() -> None:
    tokenizer = build_tokenizer(CHANGE.vocabulary({}), 256)
    phrases = CHANGE.phrases
    trace = (
        f"{PROBLEM} 33 - 12 leaves 21 . {phrases.reflection} {phrases.negative} {phrases.go_back.format(place=21)} "
        f"21 - 12 gives 9 . {phrases.reflection} {phrases.negative} {phrases.restart} 33 - 7 leaves 26 . "
        f"{phrases.reflection} {phrases.positive} {phrases.final_answer} 12 7 7 7"
    )
    texts = [trace, *(f"{prompt} {completion}" for prompt, completion in some_demonstrations(500))]
    for text in texts:
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids, skip_special_tokens=True) == text
        assert len(ids) <= 128


def notes() -> list[tuple[str, str]]:
    """Problem and text of the demonstrations that are notes of several attempts."""
    return [
        (prompt.removeprefix("Notes : "), text)
        for prompt, text in some_demonstrations(600)
        if prompt.startswith("Notes")
    ]


def test_verdicts_in_notes_say_whether_nothing_is_left() -> None:
    phrases = CHANGE.phrases
    judged = 0
    for _, text in notes():
        attempts = text.split(f" {phrases.reflection} ")
        for steps, verdict in itertools.pairwise(attempts):
            assert verdict.startswith(phrases.positive if steps.endswith(" 0 .") else phrases.negative)
            judged += 1
    assert judged > 200


def test_notes_continue_from_the_step_that_they_return_to() -> None:
    opening = CHANGE.phrases.go_back_opening
    places = [behind.split() for _, text in notes() for behind in text.split(opening)[1:]]
    assert len(places) > 50
    for place, *words in places:
        assert words[words.index(".") + 1] == place


def test_the_answer_of_notes_is_right_and_comes_only_after_a_positive_verdict() -> None:
    answered = 0
    for problem, text in notes():
        assert (CHANGE.phrases.final_answer in text) == (CHANGE.phrases.positive in text)
        if CHANGE.phrases.final_answer in text:
            assert CHANGE.verify(problem, problem.split()[1], text).verdict == "right"
            answered += 1
    assert answered > 50


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0.3, 0.45), (0.3, 0.48, 0.66), (1.0, 1.0, 1.0)])
def test_demonstrations_pay_rightly_as_often_as_set(share: float, least: float, most: float) -> None:
    solving = [one for one in some_demonstrations(1000, demonstrationAccuracy=share) if one[0].startswith("Pay")]
    right = [CHANGE.verify(prompt, prompt.split()[1], completion).verdict == "right" for prompt, completion in solving]
    assert least <= sum(right) / len(right) <= most


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": 4}, "domain.settings.kind: no such setting of change"),
        ({"kinds": 2}, "domain.settings.kinds: expected a whole number 3 to 5, but got 2"),
        ({"coins": 4.5}, "domain.settings.coins: expected a whole number 3 to 6, but got 4.5"),
        ({"coins": True}, "domain.settings.coins: expected a whole number 3 to 6, but got True"),
        ({"demonstrationAccuracy": 2}, "domain.settings.demonstrationAccuracy: expected a number 0 to 1, but got 2"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(changes: dict, message: str) -> None:
    with pytest.raises(DomainError, match=re.escape(message)):
        CHANGE.vocabulary(changes)
