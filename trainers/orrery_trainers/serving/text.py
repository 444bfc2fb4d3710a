"""The tokenizer of a policy, and the search for stop strings."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

from orrery_trainers.models.policy_model import ModelError

EXTRA_TOKENS = 8
"""The search for a stop string covers one token per character, and these extra ones for tokens without text. *Ours*."""


class Text:
    """The tokenizer of a model folder. Decoded text has no special tokens, like in vLLM."""

    def __init__(self, folder: Path) -> None:
        """Raises ModelError if there is no `tokenizer.json` or no end token."""
        file = folder / "tokenizer.json"
        if not file.is_file():
            raise ModelError(f"{file}: expected a tokenizer in this format, but there is no such file")
        self._tokenizer = Tokenizer.from_file(str(file))
        self.end_tokens = _end_tokens(folder)
        self.piece = lru_cache(maxsize=None)(self._piece)

    def encode(self, text: str) -> list[int]:
        """Tokens of a prompt, with the special tokens that the tokenizer adds.

        It encodes a batch of one text, because the library releases the GIL only for batches. So other threads can
        answer `GET /health` while it reads a long text.
        """
        [encoding] = self._tokenizer.encode_batch([text])
        return encoding.ids

    def decode(self, tokens: list[int]) -> str:
        """Text of tokens, without special tokens."""
        return self._tokenizer.decode(tokens, skip_special_tokens=True)

    def name(self, token: int) -> str:
        """The token's entry in the vocabulary; empty if the token has none."""
        return self._tokenizer.id_to_token(token) or ""

    def _piece(self, token: int) -> str:
        return self.decode([token])


class StopStrings:
    """Finds the first stop string in a text that grows token by token.

    Decoding the whole text after every token would take longer than a small model takes. So a search starts only after
    a token that can complete a stop string: its own text contains the last character of one.
    """

    def __init__(self, strings: Iterable[str], text: Text) -> None:
        self.strings = tuple(strings)
        self._text = text
        # Some spaces between words belong to no token. A token with only the last bytes of a character decodes to the
        # replacement character.
        self._last = {string[-1] for string in self.strings} | {"\ufffd"}
        self._always = any(string[-1].isspace() for string in self.strings)
        self._tail = max(map(len, self.strings), default=0) + EXTRA_TOKENS

    def find(self, tokens: list[int]) -> tuple[int, int] | None:
        """The place (start, end), in characters, of the stop string that ends first; None if there is none.

        tokens: the sequence so far. Earlier calls have searched it without its last token.
        """
        if not self.strings or not (self._always or self._last & set(self._text.piece(tokens[-1]))):
            return None
        # A string that the last token completes is in the last few tokens. If it is there, decode the whole text.
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
    raise ModelError(f"{folder / 'config.json'}: expected eos_token_id, the end token, but got nothing")
