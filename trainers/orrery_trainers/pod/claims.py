"""Claims: which attempt may write to a stage. The worker writes the claims; a program only reads them."""

from __future__ import annotations

from pathlib import Path

from orrery_trainers.pod.failures import DependencyDown, Fenced


def refuse_if_fenced(stage: Path, attempt: int) -> None:
    """Raise Fenced if a later attempt than ``attempt`` has claimed the stage in the folder ``stage``.

    Assumption: a listing of ``claims/`` shows every earlier claim. Where a listing may be stale (NFS caches one for
    some seconds), an old attempt can still publish one checkpoint. Later attempts pass over it
    (checkpoints/resume.py).
    Raises DependencyDown if this attempt's own claim is missing: the store is not mounted, or it is another store.
    """
    claims = stage / "claims"
    numbers = {int(file.stem) for file in claims.glob("*.json") if file.stem.isdigit()}
    if attempt not in numbers:
        raise DependencyDown(
            f"{claims}: expected the claim of attempt {attempt}, but it is not there; is the store mounted?"
        )
    if max(numbers) > attempt:
        raise Fenced(f"attempt {max(numbers)} has claimed the stage; attempt {attempt} writes nothing more")
