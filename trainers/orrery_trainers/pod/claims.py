"""Claims: which attempt may write to a stage. The worker claims; a program only looks."""

from __future__ import annotations

from pathlib import Path

from orrery_trainers.pod.failures import DependencyDown, Fenced


def refuse_if_fenced(stage: Path, attempt: int) -> None:
    """Raise Fenced if a later attempt than ``attempt`` has claimed the stage in the folder ``stage``.

    What is assumed of the store: that a claim is seen by whoever lists ``claims/`` after it. Where a listing may be
    stale (NFS keeps one for some seconds), an attempt can publish once more; then it is passed over
    (checkpoints/resume.py).
    Raises DependencyDown if this attempt's own claim is not there: then the store is another, or gone.
    """
    claims = stage / "claims"
    numbers = {int(file.stem) for file in claims.glob("*.json") if file.stem.isdigit()}
    if attempt not in numbers:
        raise DependencyDown(
            f"{claims}: expected the claim of attempt {attempt}, but it is not there; is the store mounted?"
        )
    if max(numbers) > attempt:
        raise Fenced(f"attempt {max(numbers)} has claimed the stage; attempt {attempt} writes nothing more")
