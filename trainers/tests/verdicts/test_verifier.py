"""The verifier: its protocol, and its behaviour under real faults."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orrery_trainers.paths import TRAINERS
from orrery_trainers.verdicts.pool import PoolLimits
from orrery_trainers.verdicts.verifier import Verifier

FAULTY = """
import os, resource, time
from orrery_trainers.domains import Verdict

HOARD = []

def verify(problem, reference, completion):
    if completion == "hang":
        while True:
            pass
    if completion == "sleep":
        time.sleep(60)
    if completion == "exit":
        os._exit(3)
    if completion == "allocate":
        bytearray(8 * 2**30)
    if completion == "fill":
        held = []
        try:
            while True:
                held.append(b"x" * 2**20)
        except MemoryError:
            held = None
            raise ValueError(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    if completion.startswith("hoard"):
        HOARD.append(b"x" * (300 * 2**20))
    if completion == "raise":
        raise RuntimeError("no such answer")
    return Verdict("right" if completion == reference else "wrong", completion)
"""
PHRASES = {
    "reflection": "Wait.", "negative": "No.", "positive": "Yes.",
    "goBack": "Back to {place}.", "restart": "Again.", "finalAnswer": "Answer:",
}  # fmt: skip
LIMITS = PoolLimits(judges=2, time_limit_seconds=1.0, memory_mebibytes=1024)


@pytest.fixture
def faulty(tmp_path, monkeypatch):
    """A domain whose verifier does what the completion says."""
    folder = tmp_path / "domains" / "faulty"
    folder.mkdir(parents=True)
    (folder / "domain.py").write_text(FAULTY)
    (folder / "phrases.json").write_text(json.dumps(PHRASES))
    monkeypatch.setenv("ORRERY_DOMAINS", str(folder.parent))
    return "faulty"


def program(*flags: str, text: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "orrery_trainers.verdicts.verifier", *flags]
    package = str(TRAINERS)
    return subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": package}
    )


def answers_of(ended: subprocess.CompletedProcess) -> dict:
    """Answers by their ids. The first line of the output is no answer: it says that the program is ready."""
    ready, *answers = map(json.loads, ended.stdout.splitlines())
    assert ready == {"ready": True}
    return {answer["id"]: answer for answer in answers}


def test_every_request_is_answered_once_by_its_id():
    requests = [
        {
            "id": number,
            "problem": "Use 3 5 to make 8 :",
            "reference": "8",
            "completion": f"Final answer: 3 + 5 = {number}",
        }
        for number in range(300)
    ]
    ended = program("--domain", "countdown", text="".join(json.dumps(request) + "\n" for request in requests))
    answers = answers_of(ended)
    assert ended.returncode == 0
    assert sorted(answers) == list(range(300))
    assert answers[8] == {"id": 8, "verdict": "right", "answer": "3 + 5 = 8"}
    assert answers[9] == {"id": 9, "verdict": "wrong", "answer": "3 + 5 = 9"}


def test_a_malformed_request_is_unjudged_and_harms_no_other():
    good = '{"id": 2, "problem": "Use 3 5 to make 8 :", "reference": "8", "completion": "Final answer: 3 + 5 = 8"}'
    ended = program("--domain", "countdown", text=f'not json\n{{"id": 1, "problem": 5}}\n{good}')
    answers = answers_of(ended)
    assert answers[None]["verdict"] == answers[1]["verdict"] == "unjudged"
    assert answers[1]["reason"].startswith("malformed request")
    assert answers[2]["verdict"] == "right"


def test_an_unknown_domain_is_bad_input_and_names_the_known_ones():
    ended = program("--domain", "astrology", text="")
    assert ended.returncode == 65
    assert "countdown" in ended.stderr
    assert '"astrology"' in ended.stderr


def test_a_verdict_that_hangs_is_cut_off_and_the_others_are_judged(faulty):
    with Verifier(faulty, LIMITS) as verifier:
        items = [("p", "4", completion) for completion in ["4", "hang", "5", "sleep", "4", *["4"] * 100]]
        verdicts = verifier.verify_batch(items)
    assert [verdict.verdict for verdict in verdicts[:5]] == ["right", "unjudged", "wrong", "unjudged", "right"]
    assert [verdicts[number].reason for number in (1, 3)] == ["timeout", "timeout"]
    assert {verdict.verdict for verdict in verdicts[5:]} == {"right"}


def test_a_judge_that_dies_is_replaced_and_only_its_verdict_is_lost(faulty):
    with Verifier(faulty, LIMITS) as verifier:
        items = [("p", "4", "exit" if number % 10 == 0 else "4") for number in range(50)]
        verdicts = verifier.verify_batch(items)
    assert [verdict.reason for verdict in verdicts[::10]] == ["crash"] * 5
    assert sum(verdict.verdict == "right" for verdict in verdicts) == 45


@pytest.mark.skipif(sys.platform != "linux", reason="the address space can be limited on Linux only")
def test_a_verdict_that_takes_too_much_memory_is_unjudged(faulty):
    with Verifier(faulty, LIMITS) as verifier:
        verdicts = verifier.verify_batch([("p", "4", "allocate"), ("p", "4", "4")])
    assert [(verdict.verdict, verdict.reason) for verdict in verdicts] == [("unjudged", "memory"), ("right", None)]


@pytest.mark.skipif(sys.platform != "linux", reason="the address space can be limited on Linux only")
def test_the_limit_of_address_space_bounds_what_is_resident(faulty):
    with Verifier(faulty, PoolLimits(judges=1, time_limit_seconds=20, memory_mebibytes=1024)) as verifier:
        [verdict] = verifier.verify_batch([("p", "4", "fill")])
    peak_mebibytes = int(verdict.reason.removeprefix("error: ValueError: "))
    assert 512 < peak_mebibytes <= 1024


@pytest.mark.skipif(sys.platform != "linux", reason="the address space can be limited on Linux only")
def test_a_judge_that_ran_out_of_memory_is_replaced(faulty):
    with Verifier(faulty, PoolLimits(judges=1, memory_mebibytes=1024)) as verifier:
        verdicts = verifier.verify_batch([("p", "4", f"hoard {number}") for number in range(12)])
    reasons = [verdict.reason for verdict in verdicts]
    first = reasons.index("memory")
    assert 0 < first < 6
    assert reasons[first + 1] is None


@pytest.mark.parametrize("judges", [1, 2])
def test_requests_may_come_from_a_regular_file_or_from_dev_null(faulty, tmp_path, judges):
    request = {"problem": "p", "reference": "4", "completion": "4"}
    requests = tmp_path / "requests.jsonl"
    requests.write_text("".join(json.dumps({"id": number, **request}) + "\n" for number in range(50)))
    command = [sys.executable, "-m", "orrery_trainers.verdicts.verifier", "--domain", faulty, f"--judges={judges}"]
    environment = {**os.environ, "PYTHONPATH": str(TRAINERS)}
    answered = []
    for source in (requests, Path(os.devnull)):
        with source.open() as stdin:
            ended = subprocess.run(command, stdin=stdin, capture_output=True, text=True, timeout=60, env=environment)
        assert ended.returncode == 0, ended.stderr
        answered.append(set(answers_of(ended)))
    assert answered == [set(range(50)), set()]


def test_an_exception_of_a_domain_is_unjudged_with_its_message(faulty):
    with Verifier(faulty, LIMITS) as verifier:
        [verdict] = verifier.verify_batch([("p", "4", "raise")])
    assert verdict.reason == "error: RuntimeError: no such answer"


def test_a_verifier_killed_between_batches_is_started_again(faulty):
    with Verifier(faulty, LIMITS) as verifier:
        verifier.verify_batch([("p", "4", "4")])
        verifier._process.kill()
        assert verifier.verify_batch([("p", "4", "4")])[0].verdict == "right"


def test_no_judge_outlives_a_verifier_that_is_killed(faulty):
    verifier = Verifier(faulty, LIMITS)
    verifier.verify_batch([("p", "4", "4")])
    judges = _children(verifier._process.pid)
    verifier._process.kill()
    verifier.close()
    deadline = time.monotonic() + 20
    while any(_alive(judge) for judge in judges) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert judges
    assert not any(_alive(judge) for judge in judges)


def test_sigterm_ends_the_verifier_with_143(faulty):
    verifier = Verifier(faulty, LIMITS)
    verifier.verify_batch([("p", "4", "4")])
    verifier._process.send_signal(signal.SIGTERM)
    assert verifier._process.wait(timeout=20) == 143
    verifier.close()


def _children(process: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False)
    return [int(line) for line in listed.stdout.split()]


def _alive(process: int) -> bool:
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(process)], capture_output=True, text=True, check=False
    ).stdout
    return bool(state.strip()) and not state.startswith("Z")
