"""Messages for a file that its schema refuses, worded like those of spec/errors.ts."""

from __future__ import annotations

import json
from typing import Any


def complaints(fault: Any) -> list[str]:
    """Messages for a jsonschema error, one per bad field: 'field: expected ..., but got ...', as in spec/errors.ts."""
    at = ".".join(str(part) for part in fault.absolute_path)
    if fault.validator == "oneOf" and fault.context:  # a union: report the errors of the closest branch
        best = min({one.schema_path[0] for one in fault.context}, key=lambda i: _distance(fault, i))
        return [line for one in fault.context if one.schema_path[0] == best for line in complaints(one)]
    if fault.validator == "required":
        missing = [name for name in fault.validator_value if name not in fault.instance]
        return [f"{_join(at, name)}: expected a value, but got nothing" for name in missing]
    if fault.validator == "additionalProperties" and fault.validator_value is False:
        extra = [name for name in fault.instance if name not in fault.schema.get("properties", {})]
        return [f"{_join(at, name)}: no such field here; is it misspelt?" for name in extra]
    return [f"{at or '(top level)'}: {_expected(fault)}, but got {shorten(fault.instance)}"]


def shorten(value: Any) -> str:
    """A value as JSON, cut to at most 80 characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _distance(fault: Any, branch: int | str) -> int:
    # A wrong constant (the kind of a variant) outweighs any number of other errors.
    errors = [one for one in fault.context if one.schema_path[0] == branch]
    return len(errors) + 100 * sum(one.validator == "const" for one in errors)


_EXPECTATIONS = {
    "type": "expected {}",
    "const": "expected {!r}",
    "enum": "expected one of {}",
    "minimum": "expected a number not below {}",
    "maximum": "expected a number not above {}",
    "exclusiveMinimum": "expected a number above {}",
    "exclusiveMaximum": "expected a number below {}",
    "minLength": "expected text of at least {} characters",
    "maxLength": "expected text of at most {} characters",
    "minItems": "expected at least {} items",
    "pattern": "expected text that matches {}",
}


def _expected(fault: Any) -> str:
    template = _EXPECTATIONS.get(fault.validator)
    return template.format(fault.validator_value) if template else f"expected {fault.validator} {fault.validator_value}"


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name
