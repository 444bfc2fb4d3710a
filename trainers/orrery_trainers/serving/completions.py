"""Requests and responses of `POST /v1/completions` and `POST /tokenize`, compatible with vLLM.

This is the subset that campaigns use, with vLLM's `include_stop_str_in_output`. An unsupported parameter that would
change the result is refused. What vLLM refuses is refused here too, so a request that works here works with vLLM.
"""

from __future__ import annotations

import json
import reprlib
import secrets
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orrery_trainers.models.sampling import stream_key
from orrery_trainers.serving.engine import Sequence
from orrery_trainers.serving.text import StopStrings, Text

Body = TypeVar("Body", bound=BaseModel)

MAX_COMPLETIONS = 16_384
"""Maximum number of completions in a request (VLLM_MAX_N_SEQUENCES)."""
MAX_STOPS = 4
"""Maximum number of stop strings in a request: OpenAI's limit, and VLLM_MAX_STOP_STRINGS."""
GREEDY_BELOW = 1e-5
"""Lower temperatures count as 0, as in vLLM."""
MAX_MESSAGE_LENGTH = 500
"""Maximum length of an error message, in characters. *Ours*."""


class RequestError(Exception):
    """A request that is refused with 400."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}"[:MAX_MESSAGE_LENGTH])
        self.field = field


class TokenizeRequest(BaseModel):
    """Body of `POST /tokenize`."""

    model_config = ConfigDict(extra="ignore", strict=True)

    prompt: str
    add_special_tokens: Literal[True] = True


class CompletionRequest(BaseModel):
    """Body of `POST /v1/completions`. Other fields are ignored, like in other servers."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)

    prompt: Any
    """A text, a list of tokens, or a list of either. :func:`_prompts` checks it: pydantic would report every item."""
    model: str | None = None
    """Ignored: the server has only one model."""
    n: Annotated[int, Field(ge=1)] = 1
    max_tokens: Annotated[int, Field(ge=1)] = 16
    temperature: Annotated[float, Field(ge=0)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    stop: str | Annotated[list[str], Field(max_length=MAX_STOPS)] | None = None
    include_stop_str_in_output: bool = False
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    """Any number returns the log-probabilities of the chosen tokens. Those of other tokens are never returned."""
    stream: Literal[False] | None = None
    echo: Literal[False] | None = None
    suffix: None = None
    best_of: None = None
    presence_penalty: Literal[0] | None = None
    frequency_penalty: Literal[0] | None = None
    logit_bias: None = None


def parse_request(kind: type[Body], body: bytes) -> Body:
    """Parse the body of a request. Raises RequestError naming the first bad field and its value."""
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError) as error:  # also for invalid UTF-8 and for numbers with thousands of digits
        raise RequestError("body", f"expected JSON: {reprlib.repr(str(error))}") from None
    if not isinstance(value, dict):
        raise RequestError("body", f"expected an object, but got {reprlib.repr(value)}")
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = str(first["loc"][0]) if first["loc"] else "body"
        came = "nothing" if first["type"] == "missing" else reprlib.repr(first.get("input"))
        raise RequestError(field, f"{first['msg']}, but got {came}") from None


def sequences_of(
    request: CompletionRequest,
    text: Text,
    vocabulary_size: int,
    context_tokens: int,
    done: Callable[[Sequence, Exception | None], None],
) -> list[Sequence]:
    """The sequences to decode, `n` for every prompt, in the order of the choices. Raises RequestError.

    done: called once for each sequence, from the engine's thread, with the error if it failed.
    """
    if request.temperature < GREEDY_BELOW and request.n > 1:
        raise RequestError(
            "n", f"expected 1, because completions at temperature 0 are equal, but got {reprlib.repr(request.n)}"
        )
    if request.max_tokens > context_tokens:
        raise RequestError(
            "max_tokens", f"expected at most {context_tokens}, the size of the context, but got {request.max_tokens}"
        )
    given = _prompts(request.prompt)
    if len(given) * request.n > MAX_COMPLETIONS:
        product = f"{len(given)} prompts x {reprlib.repr(request.n)}"
        raise RequestError("n", f"expected at most {MAX_COMPLETIONS} completions in total, but got {product}")
    strings = [request.stop] if isinstance(request.stop, str) else request.stop or []
    if "" in strings:
        raise RequestError("stop", "expected strings that are not empty")
    for string in strings:
        _refuse_surrogates("stop", string)
    prompts = [_prompt_tokens(prompt, text, vocabulary_size) for prompt in given]
    for prompt in prompts:
        _refuse_too_long(len(prompt), request.max_tokens, context_tokens)
    stop = StopStrings(strings, text)
    seed = secrets.randbits(63) if request.seed is None else request.seed
    return [
        Sequence(
            prompt=prompt,
            max_tokens=request.max_tokens,
            temperature=0.0 if request.temperature < GREEDY_BELOW else request.temperature,
            top_p=request.top_p,
            stop=stop,
            include_stop=request.include_stop_str_in_output,
            key=stream_key(seed, number, completion),
            done=done,
        )
        for number, prompt in enumerate(prompts)
        for completion in range(request.n)
    ]


def tokens_of(request: TokenizeRequest, text: Text, context_tokens: int) -> dict[str, Any]:
    """The answer of `POST /tokenize`. Raises RequestError."""
    _refuse_surrogates("prompt", request.prompt)
    tokens = text.encode(request.prompt)
    return {"count": len(tokens), "max_model_len": context_tokens, "tokens": tokens, "token_strs": None}


def response_of(request: CompletionRequest, sequences: list[Sequence], text: Text, model: str) -> dict[str, Any]:
    """The body of the response. `usage` counts a prompt once, whatever `n` is, and counts end tokens too."""
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


def _prompts(prompt: Any) -> list[str | list[int]]:
    """The prompts of a request, each a text or a list of tokens. Raises RequestError."""
    given = [prompt] if _is_one(prompt) else prompt
    if not isinstance(given, list) or not all(map(_is_one, given)):
        came = reprlib.repr(prompt)
        raise RequestError("prompt", f"expected a text, a list of tokens, or a list of either, but got {came}")
    if not given:
        raise RequestError("prompt", "expected at least one prompt or token, but got none")
    return given


def _is_one(prompt: Any) -> bool:
    """Whether it is one prompt. The types are compared exactly, because a bool is an int in Python but not a token."""
    return isinstance(prompt, str) or (isinstance(prompt, list) and prompt != [] and {*map(type, prompt)} == {int})


def _prompt_tokens(prompt: str | list[int], text: Text, vocabulary_size: int) -> list[int]:
    """The tokens of a prompt. A text gets the special tokens that the tokenizer adds; tokens stay as they are."""
    if isinstance(prompt, str):
        _refuse_surrogates("prompt", prompt)
        prompt = text.encode(prompt)
    if not prompt:
        raise RequestError("prompt", "expected at least one token, but got none")
    unknown = next((token for token in prompt if not 0 <= token < vocabulary_size), None)
    if unknown is not None:
        raise RequestError("prompt", f"expected tokens 0 to {vocabulary_size - 1}, but got {reprlib.repr(unknown)}")
    return prompt


def _refuse_too_long(prompt_tokens: int, max_tokens: int, context_tokens: int) -> None:
    if prompt_tokens >= context_tokens:
        longest = f"{context_tokens - 1} tokens, one less than the context"
        raise RequestError("prompt", f"expected at most {longest}, but got {prompt_tokens}")
    if prompt_tokens + max_tokens > context_tokens:
        room = f"{context_tokens - prompt_tokens}, the rest of the context after a prompt of {prompt_tokens} tokens"
        raise RequestError("max_tokens", f"expected at most {room}, but got {max_tokens}")


def _refuse_surrogates(field: str, value: str) -> None:
    """Refuse half of a surrogate pair: it is not a character, so no tokenizer and no JSON response can represent it."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise RequestError(field, f"expected text, but got half of a surrogate pair at {error.start}") from None
