import json

import numpy as np
import pytest

from orrery_trainers.models.llama import Llama

PROMPT = list(range(3, 40))


@pytest.mark.parametrize("rows", [2, 7, 16, 33])
def test_a_row_has_the_same_logits_bit_for_bit_at_every_position(policy, rows):
    alone, crowd = (Llama.load(policy, json.loads((policy / "config.json").read_text()), "float32") for _ in range(2))
    wanted = [alone.join([PROMPT], [1]), *(alone.step(np.array([token])) for token in (5, 6, 7))]
    # The other rows read other tokens, which must not influence the last row.
    prompts = [*([4 + row] * (5 + row) for row in range(rows - 1)), PROMPT]
    steps = (np.array([*range(4, 3 + rows), token]) for token in (5, 6, 7))
    found = [crowd.join(prompts, [1] * rows), *(crowd.step(tokens) for tokens in steps)]
    assert [logits[-1].tobytes() for logits in found] == [logits[-1].tobytes() for logits in wanted]
