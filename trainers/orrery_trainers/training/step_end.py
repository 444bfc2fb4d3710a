"""The state of a run as it was when an optimizer step ended, so that a step that is given up leaves no trace."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import Trainer, TrainerState


@dataclass(frozen=True, slots=True)
class StepEnd:
    """What a step that is given up has changed, as it was before."""

    python: Any
    numpy: Any
    torch: torch.Tensor
    cuda: list[torch.Tensor]
    tokens_seen: int

    @classmethod
    def of(cls, state: TrainerState) -> StepEnd:
        """Now, at the end of an optimizer step."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return cls(random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda, state.num_input_tokens_seen)

    def restore(self, trainer: Trainer) -> None:
        """Set it back, for the Trainer to save."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.torch)
        if self.cuda:
            torch.cuda.set_rng_state_all(self.cuda)
        trainer.state.num_input_tokens_seen = self.tokens_seen
        trainer.current_flos = 0
