"""A Llama in GGUF as a folder in Hugging Face layout, bfloat16.

    PYTHONPATH=<folder with the package gguf> python -m orrery_trainers.models.convert_gguf model.gguf folder

The folder appears at once and whole. Quantised weights are taken for what they stand for: what is lost stays lost.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import cast

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedTokenizerBase


def convert(file: Path, folder: Path) -> None:
    """Write the model and its tokenizer, with its chat template where it has one."""
    tokenizer = cast("PreTrainedTokenizerBase", AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name))
    read = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    config = read.config
    config.dtype = "bfloat16"
    model = type(read)(config).to(torch.bfloat16)  # anew: what was read still counts as quantised, which is not saved
    model.load_state_dict(read.state_dict())
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    model.save_pretrained(unfinished)
    tokenizer.save_pretrained(unfinished)
    unfinished.rename(folder)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
