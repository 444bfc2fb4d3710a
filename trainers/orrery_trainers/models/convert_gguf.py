"""Converts a Llama in GGUF to a folder in Hugging Face layout, in bfloat16.

    PYTHONPATH=<folder with the package gguf> python -m orrery_trainers.models.convert_gguf model.gguf folder

The folder appears only when it is complete. Quantised weights are dequantised, which does not restore lost precision.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import cast

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedTokenizerBase


def convert(file: Path, folder: Path) -> None:
    """Convert the model ``file``. Write it with its tokenizer, and its chat template if it has one, to ``folder``."""
    tokenizer = cast("PreTrainedTokenizerBase", AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name))
    read = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    config = read.config
    config.dtype = "bfloat16"
    model = type(read)(config).to(torch.bfloat16)  # a new model, because transformers refuses to save a quantised one
    model.load_state_dict(read.state_dict())
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    model.save_pretrained(unfinished)
    tokenizer.save_pretrained(unfinished)
    unfinished.rename(folder)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
