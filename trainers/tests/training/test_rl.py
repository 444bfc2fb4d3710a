"""Reinforcement learning: its rewards, its prompts, its rollouts."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from campaign import pass_rates, rl_stage
from orrery_trainers.domains import Verdict, load_domain
from orrery_trainers.pod.failures import InvalidInput
from orrery_trainers.training.rl import kept_prompts, reward_function
from orrery_trainers.training.rollouts import complete, completion_room
from orrery_trainers.verdicts.canaries import WatchedVerifier, check_canaries
from programs import run_here
from results import metric_lines, part
from stages import DOMAINS


def test_right_is_plus_one_wrong_is_minus_one_and_unjudged_is_no_reward():
    told = {}
    verdicts = [
        Verdict("right", "1"),
        Verdict("wrong", None),
        Verdict("unjudged", None, "timeout"),
        Verdict("wrong", "2"),
    ]
    reward = reward_function(lambda items: verdicts, lambda text: text.count("Back"))
    rewards = reward(
        prompts=["p"] * 4,
        completions=["Back Back", "", "Back", ""],
        problem=["p"] * 4,
        reference=["1"] * 4,
        log_metric=told.__setitem__,
    )
    assert rewards == [1.0, -1.0, None, -1.0]
    assert told == {"backtracks": 0.75, "unjudged": 0.25, "timedOut": 0.25}


def test_the_verifier_gets_problem_reference_and_completion():
    asked = []
    reward = reward_function(lambda items: asked.extend(items) or [Verdict("right", None)], lambda text: 0)
    reward(prompts=["p"], completions=["c"], problem=["x"], reference=["r"], log_metric=lambda *_: None)
    assert asked == [("x", "r", "c")]


def test_only_kept_prompts_are_trained_on():
    records = [*pass_rates(), *pass_rates(kept=False)]
    assert kept_prompts(records) == [
        {"prompt": f"say {letter}", "problem": f"say {letter}", "reference": letter} for letter in "abcd"
    ]


def test_without_kept_prompts_the_message_has_counts_and_pass_rates(tmp_path, capsys):
    assert run_here("rl", rl_stage(tmp_path, pass_rates(kept=False))) == 73
    message = capsys.readouterr().err.splitlines()[-1]
    for words in ("none of 4", "4 too-hard", "pass rates from 0 to 0", "stages.curriculum.passRate"):
        assert words in message


def test_a_canary_that_gets_another_verdict_stops_everything(tmp_path, monkeypatch):
    monkeypatch.setenv("ORRERY_DOMAINS", str(tmp_path))
    (tmp_path / "parity").symlink_to(DOMAINS / "parity")
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in (DOMAINS / "parity").glob("*.*"):
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "canaries.jsonl").write_text(
        '{"problem": "say a", "reference": "a", "completion": "a", "verdict": "right"}\n'
    )
    domain = load_domain("copy")

    class Judge:
        def __init__(self, verdict: str) -> None:
            self.verdict = verdict

        def verify_batch(self, items, fresh=False):
            return [Verdict(self.verdict, None) for _ in items]

    check_canaries(domain, Judge("right"))
    with pytest.raises(
        InvalidInput, match=r"canaries.jsonl:1: expected the verdict right, but the verifier said wrong"
    ):
        check_canaries(domain, Judge("wrong"))


def test_a_verifier_that_breaks_during_the_work_stops_it_and_counts_the_untrusted_verdicts(monkeypatch):
    monkeypatch.setenv("ORRERY_DOMAINS", str(DOMAINS))

    class Judge:
        """Judges its canaries (one right, one wrong) correctly at first, and later all of them wrong."""

        lies = False

        def verify_batch(self, items, fresh=False):
            return [Verdict("right" if ("b" in item[1]) != self.lies else "wrong", None) for item in items]

    domain, judge = load_domain("parity"), Judge()
    watched = WatchedVerifier(domain, judge, verdicts=8)
    watched.verify_batch([("p", "r", "c")] * 4)
    watched.verify_batch([("p", "r", "c")] * 4)
    watched.verify_batch([("p", "r", "c")] * 4)
    judge.lies = True
    with pytest.raises(InvalidInput, match=r"gone wrong while it worked: .*the last 8 verdicts are not"):
        watched.verify_batch([("p", "r", "c")] * 4)


def test_a_domain_without_canaries_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("ORRERY_DOMAINS", str(tmp_path))
    shutil.copytree(DOMAINS / "parity", tmp_path / "parity", ignore=shutil.ignore_patterns("canaries.jsonl"))
    with pytest.raises(InvalidInput, match=r"canaries.jsonl: expected cases that the verifier of parity must judge"):
        check_canaries(load_domain("parity"), verifier=None)


class Countdown:
    """A model that counts down from the last token of its prompt: 5, 4, 3, ..."""

    def __init__(self, context_tokens: int = 100) -> None:
        self.context_tokens = context_tokens

    def join(self, prompts, copies):
        self.last = np.repeat([prompt[-1] for prompt in prompts], copies)
        return self.logits(np.array([prompt[-1] for prompt in prompts]))

    def step(self, tokens):
        self.last = tokens
        return self.logits(tokens)

    def keep(self, order):
        self.last = self.last[order]

    def logits(self, tokens):
        return np.where(np.arange(10)[None] == tokens[:, None] - 1, 0.0, -1e9)


def test_a_rollout_ends_with_its_end_token_or_at_the_limit_and_rows_stay_apart():
    prompts = [[9, 4], [9, 4], [9, 9], [9, 2]]
    assert complete(Countdown(), prompts, 1, 1.0, 1.0, max_tokens=5, ends={0}) == [
        [3, 2, 1, 0],
        [3, 2, 1, 0],
        [8, 7, 6, 5, 4],
        [1, 0],
    ]


def test_a_rollout_ends_when_prompt_and_completion_fill_the_context():
    prompts = [[9, 9, 9, 9], [9], [1, 1, 1, 1, 9], [2]]
    assert complete(Countdown(context_tokens=6), prompts, 1, 1.0, 1.0, max_tokens=15_360, ends={0}) == [
        [8, 7],
        [8, 7, 6, 5, 4],
        [8],
        [1, 0],
    ]


def test_a_prompt_that_fills_the_context_is_refused_by_name():
    assert completion_room(["short", "longer"], [[1], [1, 2, 3]], context_tokens=4) == 1
    with pytest.raises(
        InvalidInput, match=r"at most 2 tokens, one less than the policy's context, but got 3 in 'longer'"
    ):
        completion_room(["short", "longer"], [[1], [1, 2, 3]], context_tokens=3)


def test_a_prompt_as_long_as_the_context_ends_the_stage_with_65(tmp_path, capsys):
    records = pass_rates()
    records[2]["prompt"] = "say" + " c" * 200
    assert run_here("rl", rl_stage(tmp_path, records)) == 65
    assert "'say c c" in capsys.readouterr().err.splitlines()[-1]


def test_the_completion_limit_is_cut_to_the_rest_of_the_context(tmp_path):
    folder = rl_stage(tmp_path, maxCompletionTokens=15_360, optimizerSteps=1)
    assert run_here("rl", folder) == 0
    assert 0 < metric_lines(folder)[0]["completionTokens"] < 128


def test_a_smaller_micro_batch_rolls_out_and_rewards_the_same(tmp_path):
    folders = [rl_stage(tmp_path / name) for name in ("whole", "half")]
    assert run_here("rl", folders[0]) == 0
    assert run_here("rl", folders[1], ORRERY_MICRO_BATCH_SCALE="0.5") == 0
    first = [metric_lines(folder)[0] for folder in folders]
    for name in ("reward", "completionTokens", "backtracks"):
        assert first[0][name] == first[1][name]
    assert first[0]["gradNorm"] == pytest.approx(first[1]["gradNorm"], rel=1e-4)


def test_fewer_prompts_than_a_step_takes_come_several_times(tmp_path):
    folder = rl_stage(tmp_path, pass_rates()[:1], optimizerSteps=2)
    assert run_here("rl", folder) == 0
    assert part(folder)["counts"]["prompts"] == 1
    assert len(metric_lines(folder)) == 2


def test_rl_without_any_verdict_is_not_published_and_a_retry_trains_from_the_beginning(tmp_path, capsys):
    records = pass_rates()
    for record in records:
        record["problem"]["reference"] = "unjudged"
    folder = rl_stage(tmp_path, records, optimizerSteps=2)
    for attempt in range(2):
        assert run_here("rl", folder, attempt) == 73
        message = capsys.readouterr().err.splitlines()[-1]
        assert message.startswith(
            "none of 2 optimizer steps had a gradient: the verifier could judge none of the rollouts; fix the verifier"
        )
        curve = [
            json.loads(line) for line in (folder / "metrics" / f"attempt-{attempt}.jsonl").read_text().splitlines()
        ]
        assert [line["attempt"] for line in curve] == [attempt, attempt]
        for line in curve:
            assert line["unjudged"] == 1
            assert line["gradNorm"] == 0
            assert "reward" not in line
    assert not (folder / "parts").exists()
    assert not (folder / "data" / "policy").exists()


def test_rl_whose_groups_all_agree_is_not_published_and_the_message_has_counts_and_advice(tmp_path, capsys):
    records = pass_rates()
    for record in records:
        record["problem"]["reference"] = "never"
    folder = rl_stage(tmp_path, records, optimizerSteps=2)
    assert run_here("rl", folder) == 73
    message = capsys.readouterr().err.splitlines()[-1]
    for words in ("none of 2", "agreeing groups 1, mean reward -1", "stages.curriculum.passRate", "submit it again"):
        assert words in message
    assert not (folder / "parts").exists()
