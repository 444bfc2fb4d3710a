"""The walls between the sub-packages: which imports are allowed, no circles, and no long files."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter

import pytest

from orrery_trainers.paths import PROJECT, TRAINERS

PACKAGE = "orrery_trainers"
MAY_IMPORT: dict[str, set[str]] = {
    "store": set(),
    "domains": set(),
    "models": set(),
    "pod": {"store"},
    "verdicts": {"domains", "pod"},
    "serving": {"models", "pod"},
    "checkpoints": {"pod", "store"},
    "training": {"checkpoints", "domains", "models", "pod", "store", "verdicts"},
}
"""Sub-package -> the sub-packages that it may import, inside functions and for types too. All may import ``paths``."""
MOST_LINES = 250
"""Maximum length of a file, in lines: a few screens."""
FILES = sorted((TRAINERS / PACKAGE).rglob("*.py"))


def imported_by(source: str) -> Iterator[str]:
    """Modules of the package that a source imports anywhere, without the package's name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute: from {PACKAGE}.… import …"
            names = [f"{node.module}.{one.name}" for one in node.names]
        elif isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        else:
            continue
        yield from (name.removeprefix(f"{PACKAGE}.") for name in names if name.split(".")[0] == PACKAGE)


def forbidden(importer: str, source: str) -> list[str]:
    """Imports of a source in the sub-package ``importer`` that the table does not allow."""
    allowed = MAY_IMPORT[importer] | {importer, "paths"}
    return [name for name in imported_by(source) if name.split(".")[0] not in allowed]


@pytest.mark.parametrize("importer", MAY_IMPORT)
@pytest.mark.parametrize("imported", MAY_IMPORT)
def test_an_import_that_the_table_does_not_allow_is_found(importer, imported):
    allowed = imported == importer or imported in MAY_IMPORT[importer]
    sources = [
        f"from {PACKAGE} import {imported}",
        f"from {PACKAGE}.{imported} import anything",
        f"from {PACKAGE}.{imported}.anything import more",
        f"import {PACKAGE}.{imported}.anything as more",
        f"def f():\n    from {PACKAGE}.{imported} import anything",
        f"if TYPE_CHECKING:\n    from {PACKAGE}.{imported}.anything import more",
    ]
    assert [forbidden(importer, source) == [] for source in sources] == [allowed] * len(sources)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(TRAINERS / PACKAGE)))
def test_every_file_keeps_to_the_table_and_to_a_few_screens(file):
    source = file.read_text(encoding="utf-8")
    within = file.relative_to(TRAINERS / PACKAGE).parts
    if len(within) == 1:  # __init__.py and paths.py stand below all
        assert list(imported_by(source)) == []
    else:
        assert forbidden(within[0], source) == []
    assert source.count("\n") <= MOST_LINES


def test_the_table_names_every_sub_package_and_has_no_circle():
    there = {file.parent.name for file in (TRAINERS / PACKAGE).glob("*/__init__.py")}
    assert there == set(MAY_IMPORT)
    assert len(list(TopologicalSorter(MAY_IMPORT).static_order())) == len(MAY_IMPORT)  # raises on a circle


def test_a_domain_imports_the_public_package_of_domains_and_nothing_else():
    for file in PROJECT.glob("domains/*/*.py"):
        doors = {".".join(name.split(".")[:-1]) for name in imported_by(file.read_text(encoding="utf-8"))}
        assert doors <= {"domains"}, file


def test_the_docs_show_the_table():
    page = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.split("### Python\n")[1].split("\n## ")[0]
    rows = [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in section.splitlines() if "| `" in line]
    others = {"nothing": set(), "all but `serving": set(MAY_IMPORT) - {"serving", "training"}}
    shown = {name: others[may] if may in others else set(may.replace("`", "").split(", ")) for name, _, may in rows}
    assert shown == MAY_IMPORT
