"""Domains on the Python side: problems, demonstrations and the verifier of a domain.

A domain is one folder of ``domains/``. Its ``domain.py`` must define

- ``verify(problem, reference, completion) -> Verdict``;

and may define

- ``generate_problems(count, seed, held_out, settings) -> list[Problem]``, if the domain generates its problems;
- ``vocabulary(settings) -> list[str]`` and ``demonstrations(seed, settings) -> Iterator[tuple[str, str]]`` (an endless
  stream of prompt and completion), if a small model can be pretrained on the domain;
- ``count_backtracks(completion) -> int``, if counting the phrases is not enough;
- ``final_answer(completion) -> str | None``, a fast function that finds the part of a completion which decides the
  verdict. It is the key of the verdict cache, so that completions with the same answer are judged once;
- ``warm_up() -> None``, which loads everything that would slow down the first verdicts. It is called once, before
  judges are forked.

The reflection phrases of a domain are in its ``phrases.json`` alone; TypeScript and Python both read it.
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
