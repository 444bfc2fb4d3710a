"""Small policies in Hugging Face layout, and servers of them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orrery_trainers.paths import TRAINERS

CONTEXT_TOKENS = 96
START_SECONDS = 240.0
"""Maximum time to start. On a busy machine, importing torch and transformers takes long."""


def save_policy(folder: Path, **changes: Any) -> Path:
    """Save a random Llama over countdown's vocabulary in `folder`. `changes` go to its LlamaConfig."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from orrery_trainers.domains import load_domain
    from orrery_trainers.models.tokenizer import build_tokenizer

    torch.manual_seed(0)
    tokenizer = build_tokenizer(load_domain("countdown").vocabulary({}), CONTEXT_TOKENS)
    settings = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "tie_word_embeddings": True,
        "initializer_range": 0.2,  # far from uniform, so that a mistake moves the logits
    }
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=CONTEXT_TOKENS,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        **(settings | changes),
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@dataclass
class Server:
    """A policy server that runs."""

    url: str
    process: subprocess.Popen[str]

    def get(self, path: str) -> tuple[int, str]:
        """Status and body."""
        return self._send(urllib.request.Request(self.url + path))

    def complete(self, **body: Any) -> dict[str, Any]:
        """The answer of /v1/completions, whatever its status."""
        return json.loads(self.post(json.dumps(body))[1])

    def post(self, body: str | bytes, path: str = "/v1/completions") -> tuple[int, str]:
        """Status and body of the answer to a POST."""
        headers = {"content-type": "application/json"}
        data = body.encode() if isinstance(body, str) else body
        return self._send(urllib.request.Request(self.url + path, data, headers))

    def _send(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def program_environment(**more: str) -> dict[str, str]:
    """Environment of a Python program of the package."""
    return {**os.environ, "PYTHONPATH": str(TRAINERS), "OMP_NUM_THREADS": "1", **more}


def free_port() -> int:
    """A free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
