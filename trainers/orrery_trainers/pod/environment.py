"""Environment variables of the pod contract, with their checks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from orrery_trainers.pod.failures import InvalidInput


def required(env: Mapping[str, str], name: str) -> str:
    """The value of the variable ``name``. Raises InvalidInput if it is unset or empty."""
    value = env.get(name, "")
    if not value:
        raise InvalidInput(f"environment: {name}: expected a path, but it is not set")
    return value


def number(env: Mapping[str, str], name: str, parse: type, default: Any = None, least: float = 0) -> Any:
    """The value of the variable ``name`` as a finite number.

    parse: int or float. default: the value if the variable is unset; None if it must be set. least: the minimum.
    Raises InvalidInput if the value is not such a number or is below ``least``.
    """
    text = env.get(name)
    if text is None and default is not None:
        return default
    try:
        value = parse(text)
    except (TypeError, ValueError):
        value = None
    if value is None or not math.isfinite(value) or value < least:
        what = "a whole number" if parse is int else "a number"
        raise InvalidInput(f"environment: {name}: expected {what} not below {least}, but got {text!r}")
    return value
