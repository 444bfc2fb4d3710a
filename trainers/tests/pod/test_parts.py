"""Parts: claims fence them, and they are valid only if their files match."""

from __future__ import annotations

import pytest

from orrery_trainers.pod.failures import (
    Fenced,
)
from orrery_trainers.pod.parts import part_file
from programs import context_of
from results import part
from stages import claim


def test_a_later_claim_fences_an_earlier_attempt(folder):
    context = context_of(folder)
    context.fence()
    claim(folder, 1)
    (folder / "data").mkdir()
    (folder / "data" / "x").write_text("x")
    with pytest.raises(Fenced):
        context.publish([folder / "data" / "x"], {})
    assert not (folder / "parts").exists()
    assert Fenced.exit_code == 75


def test_a_part_names_its_files_with_their_hashes(folder):
    context = context_of(folder)
    (folder / "data").mkdir()
    (folder / "data" / "x").write_text("abc")
    context.publish([folder / "data" / "x"], {"optimizerSteps": 1})
    published = part(folder)
    assert published["files"] == [
        {
            "path": "data/x",
            "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "bytes": 3,
        }
    ]
    assert (published["part"], published["attempt"], published["counts"]) == (0, 0, {"optimizerSteps": 1})


def test_a_part_with_damaged_files_does_not_count(folder, capsys):
    context = context_of(folder)
    (folder / "data").mkdir()
    (folder / "data" / "x").write_text("abc")
    context.publish([folder / "data" / "x"], {})
    assert context.is_published()
    (folder / "data" / "x").write_text("abd")
    assert not context.is_published()
    assert "data/x: sha256 differs" in capsys.readouterr().out
    part_file(folder).write_text("{torn")
    assert not context.is_published()
