"""Measures verdicts per second of Math-Verify: in a plain loop, in judges of the verifier, and in a pool of pebble.

The variants run in turn, so that the state of the machine is the same for all. Used by verdicts.ts, which installs
pebble.
"""

from __future__ import annotations

import contextlib
import functools
import json
import multiprocessing
import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from orrery_trainers.domains import load_domain
from orrery_trainers.verdicts.pool import PoolLimits
from orrery_trainers.verdicts.verifier import Verifier
from pebble import ProcessPool

Pair = tuple[str, str, str]
SEED = 1
DECIDED = {"right": True, "wrong": False}
PROJECT = Path(__file__).parents[1]
TIME_LIMIT_SECONDS = 5
SHORT_LIMIT_SECONDS = 1
"""Time limit of a verdict that hangs."""
CHUNK = 64
"""Verdicts in one task of pebble's ``map``. They share its time limit, and a kill loses all of them."""
NATIVE = """
import hashlib
from orrery_trainers.domains import Verdict


def verify(problem, reference, completion):
    if completion == "native":
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
    return Verdict("right", completion)
"""
"""A domain whose completion `native` keeps C code busy: no handler of Python runs before it returns."""


def pairs() -> list[Pair]:
    """Benchmark references, each with its own answer and with the answer of another problem, shuffled."""
    benchmarks = PROJECT / "data" / "benchmarks"
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
    """Uses the library like its README, with its own time limits (signals). Sends verdicts and clock time."""
    from math_verify import parse, verify

    parse("$1$"), verify(parse("$1$"), parse("$1$"))  # load and compile before the measurement
    began = time.perf_counter()
    # The references stand in a box, because some (amounts of money) contain a dollar sign themselves.
    verdicts = [verify(parse(f"\\boxed{{{reference}}}"), parse(text)) for _, reference, text in items]
    sink.send((verdicts, time.perf_counter() - began))


def in_a_loop(items: list[Pair]) -> tuple[list[bool], float]:
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


loaded = functools.cache(load_domain)


def judge(domain: str, item: Pair) -> str:
    """The task of pebble's processes."""
    return loaded(domain).verify(*item).verdict


def judge_math(item: Pair) -> str:
    return judge("math", item)


def pebble_pool() -> ProcessPool:
    return ProcessPool(max_workers=1, context=multiprocessing.get_context("fork"))


def in_pebble(items: list[Pair]) -> tuple[list[str], float]:
    """One task for each verdict, because each verdict has a time limit of its own."""
    with pebble_pool() as pool:
        pool.schedule(judge_math, args=[("", "1", "\\boxed{1}")]).result()
        began = time.perf_counter()
        futures = [pool.schedule(judge_math, args=[item], timeout=TIME_LIMIT_SECONDS) for item in items]
        return [future.result() for future in futures], time.perf_counter() - began


def in_pebble_chunks(items: list[Pair]) -> tuple[list[str], float]:
    with pebble_pool() as pool:
        pool.schedule(judge_math, args=[("", "1", "\\boxed{1}")]).result()
        began = time.perf_counter()
        verdicts = list(pool.map(judge_math, items, chunksize=CHUNK, timeout=CHUNK * TIME_LIMIT_SECONDS).result())
        return verdicts, time.perf_counter() - began


def processor_seconds() -> float:
    """Processor time of this process and of all its descendants that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def measured(way: Callable[[list[Pair]], tuple[list, float]], items: list[Pair]) -> tuple[list, float, float]:
    """Verdicts, clock time, and processor time without that of the start."""
    before = processor_seconds()
    way([])
    started = processor_seconds()
    verdicts, elapsed = way(items)
    return verdicts, elapsed, processor_seconds() - started - (started - before)


@contextlib.contextmanager
def native_domain() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        domain = Path(folder) / "native"
        domain.mkdir()
        (domain / "domain.py").write_text(NATIVE, encoding="utf-8")
        shutil.copy(PROJECT / "domains" / "math" / "phrases.json", domain)
        os.environ["ORRERY_DOMAINS"] = folder
        try:
            yield "native"
        finally:
            del os.environ["ORRERY_DOMAINS"]


HANGING: list[Pair] = [("", "1", "native"), ("", "1", "1")]


def hang_in_judges() -> float:
    """Seconds over the time limit until the verdict after one that hangs in C."""
    with native_domain() as domain, Verifier(domain, PoolLimits(1, SHORT_LIMIT_SECONDS, cache_size=0)) as verifier:
        verifier.verify_batch([("", "1", "1")])
        began = time.perf_counter()
        verdicts = [one.verdict for one in verifier.verify_batch(HANGING)]
        assert verdicts == ["unjudged", "right"], verdicts
        return time.perf_counter() - began - SHORT_LIMIT_SECONDS


def hang_in_pebble() -> float:
    with native_domain() as domain, pebble_pool() as pool:
        pool.schedule(judge, args=[domain, ("", "1", "1")]).result()
        began = time.perf_counter()
        hanging, after = (
            pool.schedule(judge, args=[domain, item], timeout=SHORT_LIMIT_SECONDS) for item in HANGING
        )
        assert after.result() == "right"
        assert isinstance(hanging.exception(), TimeoutError)
        return time.perf_counter() - began - SHORT_LIMIT_SECONDS


def main(rounds: int) -> None:
    warm_up = loaded("math").warm_up
    assert warm_up is not None
    warm_up()  # before the forks, as the verifier does
    items = pairs()
    ways: dict[str, Callable[[list[Pair]], tuple[list, float]]] = {
        "loop": in_a_loop,
        "judges": lambda items: in_judges(items, 0),
        "pebble": in_pebble,
        "pebbleChunks": in_pebble_chunks,
    }
    seconds: dict[str, list[float]] = {name: [] for name in [*ways, "cached"]}
    processor: dict[str, list[float]] = {name: [] for name in ways}
    verdicts: dict[str, list] = {}
    hangs: dict[str, list[float]] = {"judges": [], "pebble": []}
    for _ in range(rounds):
        for name, way in ways.items():
            verdicts[name], elapsed, used = measured(way, items)
            seconds[name].append(elapsed)
            processor[name].append(used)
        seconds["cached"].append(in_judges(items + items, 100_000)[1] / 2)
        hangs["judges"].append(hang_in_judges())
        hangs["pebble"].append(hang_in_pebble())
    assert verdicts["judges"] == verdicts["pebble"] == verdicts["pebbleChunks"]
    rows = list(zip(verdicts["loop"], verdicts["judges"], items, strict=True))
    decided = [(one, other, item) for one, other, item in rows if other in DECIDED]
    differ = [(item[1], item[2][-80:], one, other) for one, other, item in decided if DECIDED[other] != one]
    json.dump(
        {
            "pairs": len(items),
            "seconds": seconds,
            "processor": processor,
            "hangs": hangs,
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
