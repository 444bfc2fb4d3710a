"""Exact change: pay an amount with a given number of coins of the given kinds. A kind may be used several times.

Example of a problem, which is the solve prompt too: ``Pay 33 with 4 coins of 1 12 7 :``. Of a step: ``33 - 12 = 21 .``.
Of the last step: ``Final answer: 12 7 7 7``. Every whole number, sign, word and phrase is one token. The reference is
the amount.

A step is a subtraction, and a solution is right when nothing is left, so steps are easy to make and to judge. But it is
hard to foresee which coins to start with, so search helps. docs/embedded-domain.md describes what else was tried.

Settings, all optional, as described in ``domain.ts``: ``kinds``, ``coins``, ``largestCoin``, ``largestAmount``,
``demonstrationAccuracy``.
"""

import random
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orrery_trainers.domains import DomainError, Problem, Verdict, read_phrases

# @loads domains/{domain}/phrases.json
PHRASES = read_phrases(Path(__file__).parent)
HELD_OUT_ONE_IN = 8
"""One in this many problems, chosen by hash, is never used in pretraining, search or RL. *Ours*."""
PROSE = ("leaves", "gives")
"""Words that replace "=" in prose. The numbers keep their positions, because a small policy copies by position."""
WORDS = ["Pay", "with", "coins", "of", "Notes", "Rewrite", "is", "left", *PROSE]
PROSE_NOTES = 0.7
"""Share of the notes in prose. *Ours*."""
SIGNS = ["-", "=", ".", ":", "=>"]

LIMITS = {"kinds": (3, 5), "coins": (3, 6), "largestCoin": (5, 99), "largestAmount": (10, 594)}
"""Minimum and maximum of every whole-number setting, as in domain.ts."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The domain's settings; see the module's docstring."""

    kinds: int = 3
    coins: int = 4
    largest_coin: int = 12
    largest_amount: int = 48
    """The vocabulary has a token for every amount."""
    demonstration_accuracy: float = 0
    """Share of demonstrations with a right solution. If the policy were always right, search could learn nothing."""

    @staticmethod
    def read(settings: dict[str, Any]) -> "Rules":
        """Check settings. Raises DomainError naming the field."""
        known = [*LIMITS, "demonstrationAccuracy"]
        for name, value in settings.items():
            if name not in known:
                raise DomainError(f"domain.settings.{name}: no such setting of change ({', '.join(known)})")
            is_share = name == "demonstrationAccuracy"
            least, most = (0, 1) if is_share else LIMITS[name]
            of_type = isinstance(value, (int, float) if is_share else int) and not isinstance(value, bool)
            if not of_type or not least <= value <= most:
                kind = "a number" if is_share else "a whole number"
                raise DomainError(f"domain.settings.{name}: expected {kind} {least} to {most}, but got {value!r}")
        return Rules(
            **{re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name): value for name, value in settings.items()}
        )


@dataclass(frozen=True, slots=True)
class Task:
    """The task: pay ``amount`` with exactly ``coins`` coins of ``kinds``, which are in the order of the text."""

    amount: int
    coins: int
    kinds: tuple[int, ...]

    def text(self) -> str:
        """The problem's text: `Pay 33 with 4 coins of 1 12 7 :`."""
        return f"Pay {self.amount} with {self.coins} coins of {' '.join(map(str, self.kinds))} :"

    def name(self) -> str:
        """The problem's id. It is the same for every order of the kinds."""
        return f"change-{self.amount}-{self.coins}-of-{'-'.join(map(str, sorted(self.kinds)))}"

    def is_held_out(self) -> bool:
        """Whether the problem belongs to the benchmark. The hash decides, so no list of problems is needed."""
        return zlib.crc32(self.name().encode()) % HELD_OUT_ONE_IN == 0


def vocabulary(settings: dict[str, Any]) -> list[str]:
    """Words and phrases of the domain's texts. Each is one token."""
    rules = Rules.read(settings)
    phrases = [
        PHRASES.reflection,
        PHRASES.negative,
        PHRASES.positive,
        PHRASES.go_back_opening,
        PHRASES.restart,
        PHRASES.final_answer,
    ]
    return [*WORDS, *SIGNS, *map(str, range(max(rules.largest_amount, rules.largest_coin) + 1)), *phrases]


def generate_problems(count: int, seed: int, held_out: bool, settings: dict[str, Any]) -> list[Problem]:
    """Make `count` different, solvable problems. Equal arguments give equal problems.

    held_out: whether they come from the held-out set, which never overlaps with the other problems.
    Raises DomainError if the settings do not allow so many problems.
    """
    rules, rng = Rules.read(settings), random.Random(f"change problems {seed} {held_out}")
    problems: dict[str, Problem] = {}
    for _ in range(1000 + 400 * count):
        if len(problems) == count:
            break
        task, _ = _solvable(rules, rng)
        name = task.name()
        if task.is_held_out() == held_out and name not in problems:
            problems[name] = Problem(name, task.text(), str(task.amount), "change")
    if len(problems) < count:
        raise DomainError(
            f"data: expected settings of change that allow {count} different problems, "
            f"but found {len(problems)}; raise largestCoin or kinds, or ask for fewer"
        )
    return list(problems.values())


def demonstrations(seed: int, settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """An endless pretraining mix of prompts and completions: solutions, notes of judged attempts, steps in prose.

    A pretrained language model has read texts with doubts and corrections, but does not use them to solve problems.
    This mix imitates that: the notes show every move of a search, but their attempts are random and mostly fail. After
    a plain problem, the demonstration pays without doubts.
    """
    rules, rng = Rules.read(settings), random.Random(f"change demonstrations {seed}")
    while True:
        task, solution = _solvable(rules, rng)
        if task.is_held_out():
            continue
        kind = rng.random()
        if kind < 0.45:
            attempt = _attempt(rules, rng, task, solution)
            yield task.text(), f"{_steps_text(task, attempt)} {answer_text(attempt)}"
        elif kind < 0.9:
            yield f"Notes : {task.text()}", _notes(rng, task, _attempt(rules, rng, task, solution))
        else:
            amount, coin = rng.choice(_steps(task, solution))
            yield f"Rewrite : {step_text(amount, coin)} =>", step_text(amount, coin, rng.choice(PROSE))


def verify(problem: str, reference: str, completion: str) -> Verdict:
    """Judge the coins after the last "Final answer:": they must be of the given kinds, and their number and sum right.

    The answer of the verdict is the coins in ascending order, so that equal payments are equal strings.
    """
    asked = re.fullmatch(r"Pay (\d+) with (\d+) coins of ((?:\d+ )+):", problem.strip())
    if asked is None or asked[1] != reference.strip():
        return Verdict("unjudged", None, "expected a problem `Pay <reference> with <number> coins of <kinds> :`")
    _, found, declared = completion.rpartition(PHRASES.final_answer)
    declared = declared.partition(PHRASES.reflection)[0].strip().removesuffix(".").strip()
    if not found or not re.fullmatch(r"\d+(?: \d+)*", declared):
        return Verdict("wrong", None)
    coins = sorted(map(int, declared.split()))
    amount, number, kinds = int(asked[1]), int(asked[2]), set(map(int, asked[3].split()))
    right = len(coins) == number and kinds.issuperset(coins) and sum(coins) == amount
    return Verdict("right" if right else "wrong", " ".join(map(str, coins)))


def step_text(amount: int, coin: int, equals: str = "=") -> str:
    """A step, such as `33 - 12 = 21 .`; in prose, such as `33 - 12 leaves 21 .`."""
    return f"{amount} - {coin} {equals} {amount - coin} ."


def answer_text(coins: list[int]) -> str:
    """The last step: `Final answer: 12 7 7 7`."""
    return f"{PHRASES.final_answer} {' '.join(map(str, coins))}"


def _steps(task: Task, coins: list[int]) -> list[tuple[int, int]]:
    """The amount before each coin, and the coin."""
    return [(task.amount - sum(coins[:number]), coin) for number, coin in enumerate(coins)]


def _steps_text(task: Task, coins: list[int], begin: int = 0, prose: random.Random | None = None) -> str:
    """The steps from coin number `begin` on. If `prose` is given, they are in prose, with words drawn from it."""
    steps = _steps(task, coins)[begin:]
    return " ".join(step_text(*step, prose.choice(PROSE) if prose else "=") for step in steps)


def _notes(rng: random.Random, task: Task, attempt: list[int]) -> str:
    """One to three judged attempts, until one is right. Between them is a return to an earlier step or a restart."""
    prose = rng if rng.random() < PROSE_NOTES else None
    parts, begin = [], 0
    for remaining in reversed(range(rng.randint(1, 3))):
        parts += [_steps_text(task, attempt, begin, prose), PHRASES.reflection]
        if sum(attempt) == task.amount:
            return " ".join([*parts, PHRASES.positive, answer_text(attempt)])
        parts.append(PHRASES.negative)
        if remaining:
            begin = rng.randrange(task.coins)
            left = task.amount - sum(attempt[:begin])
            parts.append(PHRASES.go_back.format(place=left) if begin else PHRASES.restart)
            attempt = _blind(rng, task, attempt[:begin]) or attempt
    return " ".join(parts)


def _solvable(rules: Rules, rng: random.Random) -> tuple[Task, list[int]]:
    """A random task, and coins that pay it. Raises DomainError if 10,000 tries find no task within the limits."""
    for _ in range(10_000):
        kinds = rng.sample(range(1, rules.largest_coin + 1), rules.kinds)
        coins = rng.choices(kinds, k=rules.coins)
        if sum(coins) <= rules.largest_amount:
            return Task(sum(coins), rules.coins, tuple(kinds)), coins
    raise DomainError("domain.settings: expected limits that allow a problem; raise largestAmount or lower largestCoin")


def _attempt(rules: Rules, rng: random.Random, task: Task, solution: list[int]) -> list[int]:
    if rng.random() < rules.demonstration_accuracy:
        return solution
    return _blind(rng, task) or solution


def _blind(rng: random.Random, task: Task, paid: Sequence[int] = ()) -> list[int] | None:
    """Random coins after `paid`, never above the remaining amount. None if 20 tries did not reach the last coin."""
    for _ in range(20):
        coins = list(paid)
        left = task.amount - sum(coins)
        while len(coins) < task.coins and (payable := [kind for kind in task.kinds if kind <= left]):
            coins.append(rng.choice(payable))
            left -= coins[-1]
        if len(coins) == task.coins:
            return coins
    return None
