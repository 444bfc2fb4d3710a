"""`POST /v1/completions` as OpenAI has it: what may be asked, and what comes back.

The subset that campaigns use, with vLLM's `include_stop_str_in_output`. A parameter that would change the result and is
not supported is refused, never ignored.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt

from orrery_trainers.engine import Sequence
from orrery_trainers.sampling import stream_key
from orrery_trainers.text import StopStrings, Text

MOST_COMPLETIONS = 16_384
"""Completions of one request."""


class RequestError(Exception):
    """A request that is refused with 400."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class CompletionRequest(BaseModel):
    """Body of the request. Fields that are not here are ignored, as other servers do."""

    model_config = ConfigDict(extra="ignore")

    prompt: str | list[str] | list[StrictInt] | list[list[StrictInt]]
    model: str | None = None
    """Any name: there is one model."""
    n: Annotated[int, Field(ge=1)] = 1
    max_tokens: Annotated[int, Field(ge=1)] = 16
    """Cut to what the context has left behind the prompt."""
    temperature: Annotated[float, Field(ge=0)] = 1.0
    top_p: Annotated[float, Field(ge=0, le=1)] = 1.0
    stop: str | list[str] | None = None
    include_stop_str_in_output: bool = False
    seed: int | None = None
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    """Any number gives the log-probabilities of the tokens chosen; those of others are not returned."""
    stream: Literal[False] | None = None
    echo: Literal[False] | None = None
    suffix: None = None
    best_of: None = None
    presence_penalty: Literal[0] | None = None
    frequency_penalty: Literal[0] | None = None
    logit_bias: None = None


def sequences_of(
    request: CompletionRequest,
    text: Text,
    vocabulary_size: int,
    context_tokens: int,
    done: Callable[[Sequence, Exception | None], None],
) -> list[Sequence]:
    """The sequences to decode, `n` for every prompt, in the order of the choices. Raises RequestError."""
    prompts = [_prompt_tokens(prompt, text, vocabulary_size) for prompt in _prompts(request.prompt)]
    if not prompts:
        raise RequestError("prompt", "expected at least one prompt or token, but got none")
    if len(prompts) * request.n > MOST_COMPLETIONS:
        asked = f"{len(prompts)} prompts x {request.n}"
        raise RequestError("n", f"expected at most {MOST_COMPLETIONS} completions in all, but got {asked}")
    for prompt in prompts:
        if len(prompt) >= context_tokens:
            longest = f"{context_tokens - 1} tokens, one less than the context"
            raise RequestError("prompt", f"expected at most {longest}, but got {len(prompt)}")
    strings = [request.stop] if isinstance(request.stop, str) else request.stop or []
    if "" in strings:
        raise RequestError("stop", "expected strings that are not empty")
    stop = StopStrings(strings, text)
    seed = secrets.randbits(63) if request.seed is None else request.seed
    return [
        Sequence(
            prompt=prompt,
            max_tokens=min(request.max_tokens, context_tokens - len(prompt)),
            temperature=request.temperature,
            top_p=request.top_p,
            stop=stop,
            include_stop=request.include_stop_str_in_output,
            key=stream_key(seed, number, completion),
            done=done,
        )
        for number, prompt in enumerate(prompts)
        for completion in range(request.n)
    ]


def response_of(request: CompletionRequest, sequences: list[Sequence], text: Text, model: str) -> dict[str, Any]:
    """The body of the answer. `usage` counts a prompt once whatever `n`, and counts the token that ends a text."""
    prompt_tokens = sum(len(sequence.prompt) for sequence in sequences[:: request.n])
    completion_tokens = sum(len(sequence.tokens) for sequence in sequences)
    return {
        "id": f"cmpl-{secrets.token_hex(12)}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": model,
        "choices": [
            {
                "index": index,
                "text": sequence.text,
                "finish_reason": sequence.finish,
                "logprobs": None if request.logprobs is None else _logprobs(sequence, text),
            }
            for index, sequence in enumerate(sequences)
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }


def _logprobs(sequence: Sequence, text: Text) -> dict[str, Any]:
    tokens = [text.name(token) for token in sequence.tokens]
    return {"tokens": tokens, "token_logprobs": sequence.logprobs, "top_logprobs": None}


def _prompts(prompt: str | list[Any]) -> list[str | list[int]]:
    single = isinstance(prompt, str) or (prompt and isinstance(prompt[0], int))
    return [prompt] if single else prompt  # type: ignore[list-item, return-value]


def _prompt_tokens(prompt: str | list[int], text: Text, vocabulary_size: int) -> list[int]:
    """Text is tokenized with what the tokenizer puts around it; tokens are taken as they are."""
    tokens = text.encode(prompt) if isinstance(prompt, str) else prompt
    if not tokens:
        raise RequestError("prompt", "expected at least one token, but got none")
    strange = next((token for token in tokens if not 0 <= token < vocabulary_size), None)
    if strange is not None:
        raise RequestError("prompt", f"expected tokens 0 to {vocabulary_size - 1}, but got {strange}")
    return tokens
