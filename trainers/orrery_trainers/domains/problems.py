"""Prints problems of a procedural domain, one JSON per line on stdout (``Problem`` of spec/records.ts).

    python -m orrery_trainers.domains.problems --domain countdown --count 800 --seed 1 --settings '{"numbers": 3}'
    python -m orrery_trainers.domains.problems --domain countdown --count 200 --seed 1 --held-out

Equal arguments give equal lines. Problems with and without ``--held-out`` never overlap, whatever their seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from orrery_trainers.domains import DomainError, load_domain

EXIT_INVALID_INPUT = 65


def main(arguments: list[str] | None = None) -> int:
    """Run the program and return its exit code. It prints all problems, or nothing on stdout if it fails."""
    parser = argparse.ArgumentParser(
        prog="orrery_trainers.domains.problems", description="Prints problems of a procedural domain."
    )
    parser.add_argument("--domain", required=True, help="folder of domains/")
    parser.add_argument("--count", required=True, type=int, help="number of problems, all different")
    parser.add_argument("--seed", required=True, type=int)
    parser.add_argument("--held-out", action="store_true", help="problems that are never used for training")
    parser.add_argument("--settings", default="{}", help="the domain's settings as a JSON object")
    options = parser.parse_args(arguments)
    try:
        lines = _lines(options)
    except DomainError as error:
        print(error, file=sys.stderr)
        return EXIT_INVALID_INPUT
    sys.stdout.write("".join(lines))
    return 0


def _lines(options: argparse.Namespace) -> list[str]:
    if options.count < 0:
        raise DomainError(f"--count: expected 0 or more, but got {options.count}")
    try:
        settings = json.loads(options.settings)
    except json.JSONDecodeError as error:
        raise DomainError(f"--settings: expected a JSON object: {error}") from None
    if not isinstance(settings, dict):
        raise DomainError(f"--settings: expected a JSON object, but got {options.settings}")
    domain = load_domain(options.domain)
    if domain.generate_problems is None:
        raise DomainError(
            f"domain.name: {options.domain} generates no problems; set data.type: files, or use another domain"
        )
    problems = domain.generate_problems(options.count, options.seed, options.held_out, settings)
    return [json.dumps(asdict(problem), ensure_ascii=False) + "\n" for problem in problems]


if __name__ == "__main__":
    sys.exit(main())
