"""The stand-in for a pretrained model: its data, its loss, and a run from the beginning to a policy."""

from __future__ import annotations

import pytest
import torch

from campaign import PRETRAIN
from orrery_trainers.domains import load_domain
from orrery_trainers.models.tokenizer import build_tokenizer
from orrery_trainers.pod.failures import InvalidInput
from orrery_trainers.training.pretrain import (
    IGNORED,
    STEPS_PER_BLOCK,
    VERDICT_WEIGHT,
    Demonstrations,
    pad_batch,
    weighted_loss,
)
from programs import run_here
from results import metric_lines, part, weights_hash
from stages import DOMAINS, write_stage


@pytest.fixture
def domain(monkeypatch):
    monkeypatch.setenv("ORRERY_DOMAINS", str(DOMAINS))
    return load_domain("parity")


def demonstrations(domain, **changes):
    config = {**PRETRAIN, "optimizerSteps": 20, **changes}
    tokenizer = build_tokenizer(domain.vocabulary({}), config["model"]["contextTokens"])
    return Demonstrations(domain, tokenizer, {"config": config, "seed": 7, "domain": {"settings": {}}})


def test_the_same_index_always_gives_the_same_demonstration(domain):
    forwards, backwards = demonstrations(domain), demonstrations(domain)
    there = [forwards[i] for i in range(len(forwards))]
    back = [backwards[i] for i in reversed(range(len(backwards)))]
    assert len(there) == 20 * PRETRAIN["batchSize"]
    assert there == back[::-1]


def test_a_batch_has_demonstrations_of_similar_length(domain):
    examples = demonstrations(domain)
    size = PRETRAIN["batchSize"]
    spreads = []
    for batch in range(STEPS_PER_BLOCK):
        lengths = [len(examples[batch * size + i]["input_ids"]) for i in range(size)]
        spreads.append(max(lengths) - min(lengths))
    assert max(spreads) <= 1


def test_only_the_completion_and_its_end_are_learnt(domain):
    example = demonstrations(domain)[0]
    learnt = [token for token in example["labels"] if token != IGNORED]
    assert example["labels"][:3] == [IGNORED] * 3  # <bos> say <letter>
    assert learnt == example["input_ids"][3:]
    assert learnt[-1] == 2  # <eos>


def test_a_demonstration_longer_than_the_context_is_refused(domain):
    with pytest.raises(InvalidInput, match=r"contextTokens: expected room .* got 5"):
        demonstrations(domain, model={**PRETRAIN["model"], "contextTokens": 5})[0]


def test_padding_is_on_the_right_and_not_learnt():
    batch = pad_batch([{"input_ids": [1, 5], "labels": [-100, 5]}, {"input_ids": [1, 5, 2], "labels": [-100, 5, 2]}], 0)
    assert batch["input_ids"].tolist() == [[1, 5, 0], [1, 5, 2]]
    assert batch["labels"].tolist() == [[-100, 5, -100], [-100, 5, 2]]


def test_verdicts_weigh_more_than_other_tokens():
    logits, labels = torch.zeros(1, 3, 4), torch.tensor([[IGNORED, 1, 2]])
    plain = weighted_loss(logits, labels, torch.tensor([3]))
    weighted = weighted_loss(logits, labels, torch.tensor([2]))
    assert plain.item() == pytest.approx(torch.tensor(4.0).log().item())
    assert weighted.item() == pytest.approx(plain.item() * (1 + VERDICT_WEIGHT) / 2)


def test_pretraining_twice_gives_equal_policies_and_a_falling_loss(tmp_path):
    folders = [
        write_stage(tmp_path / name, "pretrain", "pretrain", {**PRETRAIN, "optimizerSteps": 40, "learningRate": 0.02})
        for name in ("one", "two")
    ]
    assert [run_here("pretrain", folder) for folder in folders] == [0, 0]
    assert weights_hash(folders[0]) == weights_hash(folders[1])
    losses = [line["loss"] for line in metric_lines(folders[0])]
    assert len(losses) == 40
    assert losses[-1] < losses[0] / 1.5
    published = part(folders[0])
    assert published["counts"]["optimizerSteps"] == 40
    assert {"data/metrics.jsonl", "data/policy/model.safetensors", "data/policy/tokenizer.json"} <= {
        entry["path"] for entry in published["files"]
    }


def test_a_published_policy_contains_no_path_of_this_machine(tmp_path):
    folder = write_stage(tmp_path, "pretrain", "pretrain", PRETRAIN)
    assert run_here("pretrain", folder) == 0
    for file in (folder / "data" / "policy").iterdir():
        assert str(tmp_path).encode() not in file.read_bytes()


def test_a_domain_without_demonstrations_is_refused_before_anything_is_imported(tmp_path, capsys):
    import json

    folder = write_stage(tmp_path, "pretrain", "pretrain", PRETRAIN)
    domains = tmp_path / "domains" / "parity"
    domains.mkdir(parents=True)
    (domains / "domain.py").write_text("def verify(problem, reference, completion):\n    return None\n")
    (domains / "phrases.json").write_text((DOMAINS / "parity" / "phrases.json").read_text())
    assert json.loads((folder / "stage.json").read_text())["domain"]["name"] == "parity"
    assert run_here("pretrain", folder, ORRERY_DOMAINS=str(domains.parent)) == 65
    assert "vocabulary() and demonstrations()" in capsys.readouterr().err
