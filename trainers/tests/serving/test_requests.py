"""Refused requests: the message names the field and is short."""

from __future__ import annotations

import json

import pytest

from servers import CONTEXT_TOKENS


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": [5] * CONTEXT_TOKENS}, "prompt"),
        ({"prompt": [5, 10**6]}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({"prompt": "Use", "n": 0}, "n"),
        ({"prompt": "Use", "max_tokens": 0}, "max_tokens"),
        ({"prompt": "Use", "temperature": -1}, "temperature"),
        ({"prompt": "Use", "top_p": 1.5}, "top_p"),
        ({"prompt": "Use", "stop": [""]}, "stop"),
        ({"prompt": "Use", "stream": True}, "stream"),
        ({"prompt": "Use", "best_of": 3}, "best_of"),
        # What vLLM refuses.
        ({"prompt": "Use", "temperature": 0, "n": 2}, "n"),
        ({"prompt": "Use", "temperature": 1e-6, "n": 2}, "n"),
        ({"prompt": "Use", "top_p": 0}, "top_p"),
        ({"prompt": "Use", "stop": ["1", "2", "3", "4", "5"]}, "stop"),
        ({"prompt": "Use", "max_tokens": CONTEXT_TOKENS + 1}, "max_tokens"),
        ({"prompt": [5] * 90, "max_tokens": 7}, "max_tokens"),
        ({"prompt": "Use", "seed": 2**63}, "seed"),
        ({"prompt": "Use", "n": 16_385}, "n"),
        ({"prompt": ["Use"] * 16_385}, "n"),
        # Wrong types.
        ({"prompt": ["Use", 5]}, "prompt"),
        ({"prompt": [5, True]}, "prompt"),
        ({"prompt": [[]]}, "prompt"),
        ({"prompt": {"a": 1}}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": "Use", "n": "2"}, "n"),
        ({"prompt": "Use", "n": True}, "n"),
        ({"prompt": "Use", "n": 10**300}, "n"),
        ({"prompt": "Use", "max_tokens": 1.5}, "max_tokens"),
        ({"prompt": "Use", "temperature": "warm"}, "temperature"),
        ({"prompt": "Use", "temperature": float("nan")}, "temperature"),
        ({"prompt": "Use", "temperature": float("inf")}, "temperature"),
        ({"prompt": "Use", "top_p": float("nan")}, "top_p"),
        ({"prompt": "Use", "stop": [1]}, "stop"),
        ({"prompt": "Use", "stop": {"a": 1}}, "stop"),
        # Half of a surrogate pair.
        ({"prompt": "\ud800"}, "prompt"),
        ({"prompt": ["Use", "\udfff"]}, "prompt"),
        ({"prompt": "Use", "stop": ["\ud800"]}, "stop"),
    ],
)
def test_an_invalid_request_is_refused_with_its_field(server, body, field):
    status, answer = server.post(json.dumps(body))
    error = json.loads(answer)["error"]
    assert (status, error["param"], error["type"]) == (400, field, "invalid_request_error")
    assert error["message"].startswith(f"{field}: ")
    assert len(error["message"]) <= 500


@pytest.mark.parametrize("path", ["/v1/completions", "/tokenize"])
@pytest.mark.parametrize(
    "body",
    [
        '{"prompt": ',
        "",
        "null",
        "5",
        '"text"',
        "[1, 2]",
        '{"prompt": "Use", "max_tokens": ' + "9" * 5000 + "}",
        "[" * 100_000,
        '{"prompt": "Use"}'.encode("utf-16"),
        b"\xff\xfe\x00",
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(server, body, path):
    status, answer = server.post(body, path)
    error = json.loads(answer)["error"]
    assert (status, error["param"]) == (400, "body")
    assert len(error["message"]) <= 500


@pytest.mark.parametrize(
    "prompt", [[*[5] * 10**6, "Use"], [[]] * 10**6, [None] * (5 * 10**5)], ids=["last", "lists", "null"]
)
def test_a_million_wrong_items_are_refused_with_a_short_message(server, prompt):
    status, answer = server.post(json.dumps({"prompt": prompt}))
    assert (status, json.loads(answer)["error"]["param"], len(answer) < 1000) == (400, "prompt", True)
