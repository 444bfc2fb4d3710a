"""Variables of the pod contract, checked as they are read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from orrery_trainers.pod.failures import InvalidInput


def required(env: Mapping[str, str], name: str) -> str:
    """The variable ``name``. Raises InvalidInput where it is not set or empty."""
    value = env.get(name, "")
    if not value:
        raise InvalidInput(f"environment: {name}: expected a path, but it is not set")
    return value


def number(env: Mapping[str, str], name: str, parse: type, default: Any = None, least: float = 0) -> Any:
    """The variable ``name`` as a finite number.

    parse: int or float. default: what it is where it is not set; None where it must be set.
    Raises InvalidInput where it is no such number or below ``least``.
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
