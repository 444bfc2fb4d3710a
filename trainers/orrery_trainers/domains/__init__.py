"""Domains on the Python side: problems, demonstrations and the verifier of a subject.

A domain is one folder of ``domains/``. Its ``domain.py`` defines

- ``verify(problem, reference, completion) -> Verdict``: always;
- ``generate_problems(count, seed, held_out, settings) -> list[Problem]``: domains that make their own problems;
- ``vocabulary(settings) -> list[str]`` and ``demonstrations(seed, settings) -> Iterator[tuple[str, str]]`` (prompt,
  completion, without end): domains that a small model can be pretrained on;
- ``count_backtracks(completion) -> int``: where the phrases alone do not tell;
- ``final_answer(completion) -> str | None``: the part of a completion that its verdict depends on, quickly found.
  Verdicts are remembered by it, so that one answer in many words is judged once;
- ``warm_up() -> None``: loads what the first verdicts would be slow by. Called once, before judges are forked.

Its ``phrases.json`` is the one place of the reflection phrases; TypeScript and Python both read it.
"""

from orrery_trainers.domains.domain import Domain, domains_folder, load_domain
from orrery_trainers.domains.phrases import Phrases, read_phrases
from orrery_trainers.domains.values import DomainError, Problem, Settings, Verdict

__all__ = [
    "Domain",
    "DomainError",
    "Phrases",
    "Problem",
    "Settings",
    "Verdict",
    "domains_folder",
    "load_domain",
    "read_phrases",
]
