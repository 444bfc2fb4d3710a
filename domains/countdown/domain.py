"""Countdown: use every number once, with + - *, to make the target.

Example of a problem, which is the solve prompt too: ``Use 3 5 7 to make 26 :``. Of a step: ``3 * 7 = 21 .``. Of the
last step: ``Final answer: 3 * 7 = 21 , 21 + 5 = 26``. Every whole number, sign, word and phrase is one token. The
reference is the target.

Settings, all optional, as described in ``domain.ts``: ``numbers``, ``maxNumber``, ``maxTarget``, ``maxValue``.
"""

import random
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orrery_trainers.domains import DomainError, Problem, Verdict, read_phrases

# @loads domains/{domain}/phrases.json
PHRASES = read_phrases(Path(__file__).parent)
WRONG_SHARE = 0.4
"""Share of random demonstrated solutions. If the policy were always right, search could learn nothing. *Ours*."""
HELD_OUT_ONE_IN = 8
"""One in this many problems, chosen by hash, is never used in pretraining, search or RL. *Ours*."""
VERBS = {"+": "plus", "-": "minus", "*": "times"}
WORDS = ["Use", "to", "make", "Notes", "Next", "Rewrite", "We", "get", "from", "gives"]

Step = tuple[int, str, int, int]
"""Left, sign, right, result."""


@dataclass(frozen=True)
class Rules:
    """The domain's settings; see the module's docstring."""

    numbers: int = 3
    max_number: int = 12
    max_target: int = 40
    max_value: int = 60
    """Maximum of an intermediate value. The vocabulary has a token for every value."""

    @staticmethod
    def read(settings: dict[str, Any]) -> "Rules":
        """Check settings. Raises DomainError naming the field."""
        fields = {"numbers": ("numbers", 2, 6), "maxNumber": ("max_number", 1, 1000)}
        fields |= {"maxTarget": ("max_target", 1, 1000), "maxValue": ("max_value", 1, 1000)}
        for name, value in settings.items():
            if name not in fields:
                raise DomainError(f"domain.settings.{name}: no such setting of countdown ({', '.join(fields)})")
            _, least, most = fields[name]
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise DomainError(
                    f"domain.settings.{name}: expected a whole number {least} to {most}, but got {value!r}"
                )
        return Rules(**{fields[name][0]: value for name, value in settings.items()})


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
    signs = ["+", "-", "*", "=", ",", ".", ":", "=>"]
    return [
        *WORDS,
        *VERBS.values(),
        *signs,
        *map(str, range(max(rules.max_value, rules.max_number, rules.max_target) + 1)),
        *phrases,
    ]


def generate_problems(count: int, seed: int, held_out: bool, settings: dict[str, Any]) -> list[Problem]:
    """Make `count` different, solvable problems. Equal arguments give equal problems.

    held_out: whether they come from the held-out set, which never overlaps with the other problems.
    Raises DomainError if the settings do not allow so many problems.
    """
    rules, rng = Rules.read(settings), random.Random(f"countdown problems {seed} {held_out}")
    problems: dict[str, Problem] = {}
    for _ in range(1000 + 400 * count):
        if len(problems) == count:
            break
        numbers, steps = _solvable(rules, rng)
        target = steps[-1][3]
        name = _name(numbers, target)
        if _is_held_out(numbers, target) == held_out and name not in problems:
            problems[name] = Problem(name, problem_text(numbers, target), str(target), "countdown")
    if len(problems) < count:
        raise DomainError(
            f"data: expected settings of countdown that allow {count} different problems, "
            f"but found {len(problems)}; raise maxNumber or numbers, or ask for fewer"
        )
    return list(problems.values())


def demonstrations(seed: int, settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """An endless pretraining mix of prompts and completions: solutions (some are wrong), judged attempts, prose."""
    rules, rng = Rules.read(settings), random.Random(f"countdown demonstrations {seed}")
    while True:
        numbers, steps = _solvable(rules, rng)
        target = steps[-1][3]
        if _is_held_out(numbers, target):
            continue
        kind = rng.random()
        if kind < 0.5:
            attempt = _attempt(rules, rng, numbers, steps)
            yield problem_text(numbers, target), f"{_steps_text(attempt)} {answer_text(attempt)}"
        elif kind < 0.85:
            notes = [_judged(_attempt(rules, rng, numbers, steps), target) for _ in range(rng.randint(1, 3))]
            yield f"Notes : {problem_text(numbers, target)}", " Next : ".join(notes)
        else:
            step = rng.choice(steps)
            yield f"Rewrite : {step_text(step)} =>", _prose(step, rng)


def verify(problem: str, reference: str, completion: str) -> Verdict:
    """Judge the equations after the last "Final answer:".

    They must be true, use every number exactly once, and end with the target. The answer of the verdict is the
    equations, with the operands of + and * in ascending order, so that equal solutions are equal strings.
    """
    asked = re.fullmatch(r"Use ((?:\d+ )+)to make (\d+) :", problem.strip())
    if asked is None or asked[2] != reference.strip():
        return Verdict("unjudged", None, "expected a problem `Use <numbers> to make <reference> :`")
    _, found, declared = completion.rpartition(PHRASES.final_answer)
    declared = declared.partition(PHRASES.reflection)[0].strip().removesuffix(".")
    matches = [re.fullmatch(r"\s*(\d+) ([-+*]) (\d+) = (\d+)\s*", equation) for equation in declared.split(",")]
    if not found or None in matches:
        return Verdict("wrong", None)
    steps = [(int(match[1]), match[2], int(match[3]), int(match[4])) for match in matches if match]
    answer = " , ".join(_equation(_ordered(step)) for step in steps)
    numbers = [int(number) for number in asked[1].split()]
    right = _uses_all_once(numbers, steps) and steps[-1][3] == int(reference)
    return Verdict("right" if right else "wrong", answer)


def problem_text(numbers: list[int], target: int) -> str:
    """The problem's text: `Use 3 5 7 to make 26 :`."""
    return f"Use {' '.join(map(str, numbers))} to make {target} :"


def step_text(step: Step) -> str:
    """A step: `3 * 7 = 21 .`."""
    return f"{_equation(step)} ."


def answer_text(steps: list[Step]) -> str:
    """The last step: `Final answer: 3 * 7 = 21 , 21 + 5 = 26`."""
    return f"{PHRASES.final_answer} {' , '.join(map(_equation, steps))}"


def _steps_text(steps: list[Step]) -> str:
    return " ".join(map(step_text, steps))


def _equation(step: Step) -> str:
    left, sign, right, result = step
    return f"{left} {sign} {right} = {result}"


def _ordered(step: Step) -> Step:
    left, sign, right, result = step
    return step if sign == "-" else (min(left, right), sign, max(left, right), result)


def _value(left: int, sign: str, right: int) -> int:
    return left + right if sign == "+" else left - right if sign == "-" else left * right


def _uses_all_once(numbers: list[int], steps: list[Step]) -> bool:
    left = list(numbers)
    for a, sign, b, result in steps:
        for operand in (a, b):
            if operand not in left:
                return False
            left.remove(operand)
        if _value(a, sign, b) != result:
            return False
        left.append(result)
    return len(left) == 1


def _moves(rules: Rules, numbers: list[int]) -> list[tuple[Step, list[int]]]:
    """Every possible step with these numbers, and the numbers that are left after it."""
    moves = []
    for i, a in enumerate(numbers):
        for j, b in enumerate(numbers):
            if i == j:
                continue
            rest = [number for k, number in enumerate(numbers) if k not in (i, j)]
            for sign in VERBS:
                result = _value(a, sign, b)
                if 0 <= result <= rules.max_value:
                    moves.append(((a, sign, b, result), [*rest, result]))
    return moves


def _walk(rules: Rules, numbers: list[int], rng: random.Random) -> list[Step] | None:
    """Random steps until one number is left; None at a dead end."""
    steps = []
    while len(numbers) > 1:
        moves = _moves(rules, numbers)
        if not moves:
            return None
        step, numbers = rng.choice(moves)
        steps.append(step)
    return steps


def _solvable(rules: Rules, rng: random.Random) -> tuple[list[int], list[Step]]:
    """Random numbers, and steps that reach a target within the limits. Raises DomainError if 10,000 tries find none."""
    for _ in range(10_000):
        numbers = [rng.randint(1, rules.max_number) for _ in range(rules.numbers)]
        steps = _walk(rules, numbers, rng)
        if steps and 1 <= steps[-1][3] <= rules.max_target:
            return numbers, steps
    raise DomainError("domain.settings: expected limits that allow a problem; raise maxValue or maxTarget")


def _attempt(rules: Rules, rng: random.Random, numbers: list[int], solution: list[Step]) -> list[Step]:
    blind = rng.random() < WRONG_SHARE
    return (_walk(rules, numbers, rng) or solution) if blind else solution


def _judged(steps: list[Step], target: int) -> str:
    verdict = PHRASES.positive if steps[-1][3] == target else PHRASES.negative
    return f"{_steps_text(steps)} {PHRASES.reflection} {verdict}"


def _prose(step: Step, rng: random.Random) -> str:
    left, sign, right, result = step
    if rng.random() < 0.5:
        return f"{left} {VERBS[sign]} {right} gives {result} ."
    return f"We get {result} from {left} {sign} {right} ."


def _name(numbers: list[int], target: int) -> str:
    """The problem's id. It is the same for every order of the numbers."""
    return f"countdown-{'-'.join(map(str, sorted(numbers)))}-{target}"


def _is_held_out(numbers: list[int], target: int) -> bool:
    return zlib.crc32(_name(numbers, target).encode()) % HELD_OUT_ONE_IN == 0
