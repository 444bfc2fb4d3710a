"""Saves the state of a run at the end of an optimizer step, to undo the next step if it is abandoned."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import Trainer, TrainerState


@dataclass(frozen=True, slots=True)
class StepEnd:
    """The state that an unfinished optimizer step changes: random states and the count of tokens."""

    python: Any
    numpy: Any
    torch: torch.Tensor
    cuda: list[torch.Tensor]
    tokens_seen: int

    @classmethod
    def of(cls, state: TrainerState) -> StepEnd:
        """The current state. Call it at the end of an optimizer step."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return cls(random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda, state.num_input_tokens_seen)

    def restore(self, trainer: Trainer) -> None:
        """Restore the state, so that the Trainer can save it."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)
        torch.set_rng_state(self.torch)
        if self.cuda:
            torch.cuda.set_rng_state_all(self.cuda)
        trainer.state.num_input_tokens_seen = self.tokens_seen
        trainer.current_flos = 0
