"""Canonical JSON and its hash. ``store/canonical.ts`` produces the same bytes."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")


def sha256_canonical(value: Any) -> str:
    """SHA-256 of the :func:`canonical_json` of a value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """Canonical JSON according to RFC 8785, byte for byte as store/canonical.ts writes it.

    Raises ValueError for a number that a double cannot represent, TypeError for a value that JSON cannot represent.
    """
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, str):
        return _SURROGATE.sub(lambda lone: f"\\u{ord(lone[0]):04x}", json.dumps(value, ensure_ascii=False))
    if isinstance(value, list):
        return f"[{','.join(map(canonical_json, value))}]"
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: utf16(member[0]))
        return f"{{{','.join(f'{canonical_json(name)}:{canonical_json(member)}' for name, member in members)}}}"
    raise TypeError(f"expected a value that JSON can represent, but got {type(value).__name__}")


def utf16(text: str) -> bytes:
    """A sort key that orders texts by their UTF-16 code units, as ECMAScript does."""
    return text.encode("utf-16-be", "surrogatepass")


def _number(value: float) -> str:
    """A number in ECMAScript's format: the shortest digits that give the same double, which ``repr`` finds too."""
    try:
        double = float(value)
    except OverflowError:
        double = float("inf")
    if double != double or double in (float("inf"), float("-inf")):
        raise ValueError(f"expected a number that a double holds, but got {value}")
    if double == 0:
        return "0"
    sign = "-" if double < 0 else ""
    mantissa, _, exponent = repr(abs(double)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    point = len(whole) + int(exponent or 0)  # digits before the point
    digits = whole + fraction
    point -= len(digits) - len(digits.lstrip("0"))
    digits = digits.strip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{tail}e{'+' if point > 0 else '-'}{abs(point - 1)}"
