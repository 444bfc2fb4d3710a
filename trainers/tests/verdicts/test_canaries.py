"""The verifier judges every domain's canaries (`canaries.jsonl`) as they state."""

import json

import pytest

from orrery_trainers.domains import domains_folder
from orrery_trainers.verdicts.verifier import Verifier

DOMAINS = sorted(file.parent.name for file in domains_folder().glob("*/canaries.jsonl"))


@pytest.mark.parametrize("domain", DOMAINS)
def test_canaries_get_the_verdict_that_they_state(domain):
    lines = (domains_folder() / domain / "canaries.jsonl").read_text(encoding="utf-8").splitlines()
    canaries = [json.loads(line) for line in lines if line.strip()]
    with Verifier(domain) as verifier:
        verdicts = verifier.verify_batch((one["problem"], one["reference"], one["completion"]) for one in canaries)
    assert canaries
    assert [verdict.verdict for verdict in verdicts] == [one["verdict"] for one in canaries]
