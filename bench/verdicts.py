"""Measures verdicts per second of Math-Verify, in a plain loop and in judges of the verifier. Used by verdicts.ts.

The variants run in turn, so that the state of the machine is the same for all: the loop in a separate process, the pool
with one judge and no cache, the pool with one judge and its cache.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import sys
import time
from pathlib import Path

from orrery_trainers.domains import load_domain
from orrery_trainers.verdicts.pool import PoolLimits
from orrery_trainers.verdicts.verifier import Verifier

Pair = tuple[str, str, str]
SEED = 1
DECIDED = {"right": True, "wrong": False}


def pairs() -> list[Pair]:
    """Benchmark references, each with its own answer and with the answer of another problem, shuffled."""
    benchmarks = Path(__file__).parents[1] / "data" / "benchmarks"
    references = [
        json.loads(line)["answer"]
        for name in ("math500", "amc2023", "aime2024", "gsm8k-test")
        for line in (benchmarks / f"{name}.jsonl")
        .read_text(encoding="utf-8")
        .splitlines()[: 500 if name == "math500" else 250]
    ]
    chosen = random.Random(SEED)
    items = [
        ("", reference, f"We have worked it out.\n\nThe final answer is $\\boxed{{{answer}}}$.")
        for reference in references
        for answer in (reference, chosen.choice(references))
    ]
    chosen.shuffle(items)
    return items


def plain_loop(items: list[Pair], sink: multiprocessing.connection.Connection) -> None:
    """Uses the library like its README, with its own time limits (signals). Sends verdicts, clock time, CPU time."""
    from math_verify import parse, verify

    parse("$1$"), verify(parse("$1$"), parse("$1$"))  # load and compile before the measurement
    began, processor = time.perf_counter(), time.process_time()
    # The references stand in a box, because some (amounts of money) contain a dollar sign themselves.
    verdicts = [verify(parse(f"\\boxed{{{reference}}}"), parse(text)) for _, reference, text in items]
    sink.send((verdicts, time.perf_counter() - began, time.process_time() - processor))


def in_a_loop(items: list[Pair]) -> tuple[list[bool], float, float]:
    ours, theirs = multiprocessing.get_context("fork").Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=plain_loop, args=(items, theirs))
    process.start()
    measured = ours.recv()
    process.join()
    return measured


def in_judges(items: list[Pair], cache_size: int) -> tuple[list[str], float]:
    with Verifier("math", PoolLimits(judges=1, cache_size=cache_size)) as verifier:
        verifier.verify_batch([("", "1", "\\boxed{1}")])  # start and warm up before the measurement
        began = time.perf_counter()
        verdicts = verifier.verify_batch(items)
        return [one.verdict for one in verdicts], time.perf_counter() - began


def main(rounds: int) -> None:
    load_domain("math")
    items = pairs()
    seconds: dict[str, list[float]] = {"loop": [], "judges": [], "cached": []}
    loop: list[bool] = []
    judged: list[str] = []
    for _ in range(rounds):
        loop, elapsed, _ = in_a_loop(items)
        seconds["loop"].append(elapsed)
        judged, elapsed = in_judges(items, 0)
        seconds["judges"].append(elapsed)
        seconds["cached"].append(in_judges(items + items, 100_000)[1] / 2)
    decided = [(one, other, item) for one, other, item in zip(loop, judged, items, strict=True) if other in DECIDED]
    differ = [(item[1], item[2][-80:], one, other) for one, other, item in decided if DECIDED[other] != one]
    json.dump(
        {
            "pairs": len(items),
            "seconds": seconds,
            "unjudged": len(items) - len(decided),
            "differ": [
                {"reference": reference, "completion": text, "loop": "right" if one else "wrong", "judges": other}
                for reference, text, one, other in differ
            ],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
