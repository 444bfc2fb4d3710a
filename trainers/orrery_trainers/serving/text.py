"""Text and tokens of a policy: its tokenizer as the server uses it, and the search for stop strings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

from orrery_trainers.models.policy_model import ModelError

SPARE_TOKENS = 8
"""Tokens looked at for a stop string beyond one a character: for those without text of their own. *Ours*."""


class Text:
    """The tokenizer of a model folder. Special tokens are not part of any text, as in vLLM."""

    def __init__(self, folder: Path) -> None:
        """Raises ModelError when there is no `tokenizer.json` or no token that ends a text."""
        file = folder / "tokenizer.json"
        if not file.is_file():
            raise ModelError(f"{file}: expected the tokenizer in this format, but there is no such file")
        self._tokenizer = Tokenizer.from_file(str(file))
        self.end_tokens = _end_tokens(folder)
        self.piece = lru_cache(maxsize=None)(self._piece)

    def encode(self, text: str) -> list[int]:
        """Tokens of a prompt, with what the tokenizer itself puts around it.

        As a batch of one: only for batches does the library release the interpreter, so that other threads (those that
        answer `GET /health`) go on while it reads a long text.
        """
        [encoding] = self._tokenizer.encode_batch([text])
        return encoding.ids

    def decode(self, tokens: list[int]) -> str:
        """Text of tokens, without special ones."""
        return self._tokenizer.decode(tokens, skip_special_tokens=True)

    def name(self, token: int) -> str:
        """The token as the vocabulary has it."""
        return self._tokenizer.id_to_token(token) or ""

    def _piece(self, token: int) -> str:
        return self.decode([token])


class StopStrings:
    """Finds the first of some strings in a text that grows token by token.

    Decoding the whole text after every token would cost more than the model does at small sizes, so only a token that
    can complete a string is looked at: one whose own text holds the last character of one.
    """

    def __init__(self, strings: Iterable[str], text: Text) -> None:
        self.strings = tuple(strings)
        self._text = text
        # Spaces between words may belong to no token, and the last bytes of a character show as a replacement
        # character.
        self._last = {string[-1] for string in self.strings} | {"\ufffd"}
        self._always = any(string[-1].isspace() for string in self.strings)
        self._tail = max(map(len, self.strings), default=0) + SPARE_TOKENS

    def find(self, tokens: list[int]) -> tuple[int, int] | None:
        """Where the text of `tokens` first holds a string, (from, to) in characters; None if the last ends none."""
        if not self.strings or not (self._always or self._last & set(self._text.piece(tokens[-1]))):
            return None
        # A string that this token completes lies within the last few. Only if it is there, all is decoded.
        if len(tokens) > self._tail:
            tail = self._text.decode(tokens[-self._tail :])
            if not any(string in tail for string in self.strings):
                return None
        text = self._text.decode(tokens)
        found = [(at, at + len(string)) for string in self.strings if (at := text.find(string)) >= 0]
        return min(found, key=lambda place: (place[1], place[0]), default=None)


def _end_tokens(folder: Path) -> frozenset[int]:
    for name in ("generation_config.json", "config.json"):
        file = folder / name
        value = json.loads(file.read_text(encoding="utf-8")).get("eos_token_id") if file.is_file() else None
        if value is not None:
            return frozenset([value] if isinstance(value, int) else value)
    raise ModelError(f"{folder / 'config.json'}: expected eos_token_id, the token that ends a text, but got nothing")
