"""Keys and values of the sequences that are being written, in place: what one more token costs does not grow with them.

All rows end at the same column. A row that joins is written up to that column, one that leaves is filled by the last
row, and a token is one more column; so nothing is copied but what changes. What stands in front of a row is masked.

Shapes: `L` layers, `R` rows, `K` key-value heads, `C` columns, `E` width of a head.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

COLUMNS = 256
"""Columns and rows grow by at least so many, or by half of what there is. *Ours*."""
ROWS = 16


class RowCache:
    """The rectangle, and its view as a cache of transformers."""

    def __init__(self, layers: int, heads: int, width: int, dtype: torch.dtype, device: torch.device) -> None:
        self._shape, self._kind = (layers, heads, width), {"dtype": dtype, "device": device}
        self.view = Cache(layers=[_Layer(self, number) for number in range(layers)])
        self.forget()

    def forget(self) -> None:
        """Have no rows, and no memory."""
        layers, heads, width = self._shape
        self.rows = self.end = 0
        self._lengths: list[int] = []
        self._data = torch.empty(layers, 2, 0, heads, 0, width, **self._kind)
        self._mask = torch.empty(0, 0, dtype=torch.bool, device=self._kind["device"])

    def append(self, prompts: list[torch.Tensor], copies: list[int]) -> None:
        """Add ``copies[i]`` rows of ``prompts[i]``, keys and values `[L, 2, K, tokens, E]`."""
        lengths = [prompt.shape[3] for prompt in prompts]
        self._place(self.rows + sum(copies), max([self.end, *lengths]))
        for prompt, length, count in zip(prompts, lengths, copies, strict=True):
            rows = slice(self.rows, self.rows + count)
            self._data[:, :, rows, :, self.end - length : self.end] = prompt[:, :, None]
            self._mask[rows] = False
            self._mask[rows, self.end - length : self.end] = True
            self.rows += count
            self._lengths += [length] * count

    def advance(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Open a column for one more token of every row.

        Returns the mask `[R, 1, 1, C]` and the positions of the tokens `[R, 1]`.
        """
        positions = torch.tensor(self._lengths, device=self._kind["device"])[:, None]
        if self.end == self._mask.shape[1]:  # no column is left: back to the left edge
            self._place(self.rows, max(self._lengths), 1)
        self._mask[: self.rows, self.end] = True
        self.end += 1
        self._lengths = [length + 1 for length in self._lengths]
        return self._mask[: self.rows, None, None, self.first : self.end], positions

    def keep(self, order: list[int]) -> None:
        """Keep the rows of these old numbers, in this order."""
        moved = [(new, old) for new, old in enumerate(order) if new != old]
        if moved:
            new, old = (torch.tensor(numbers, device=self._kind["device"]) for numbers in zip(*moved, strict=True))
            self._data[:, :, new, :, self.first : self.end] = self._data[:, :, old, :, self.first : self.end]
            self._mask[new] = self._mask[old]
        self.rows = len(order)
        self._lengths = [self._lengths[row] for row in order]

    def write(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put the last token's `[R, K, 1, E]`; returns those of all columns, `[R, K, C, E]`."""
        own = self._data[layer, :, : self.rows]
        own[0, :, :, self.end - 1], own[1, :, :, self.end - 1] = keys[:, :, 0], values[:, :, 0]
        return own[0, :, :, self.first : self.end], own[1, :, :, self.first : self.end]

    @property
    def first(self) -> int:
        """Column before which no row has anything."""
        return self.end - max(self._lengths, default=0)

    def _place(self, rows: int, end: int, more: int = 0) -> None:
        """Have room for so many rows, and have them end at column `end` with `more` columns behind it."""
        row_room, column_room = self._mask.shape
        if rows <= row_room and end == self.end and end + more <= column_room:
            return
        if rows > row_room:
            row_room = max(rows, row_room + max(ROWS, row_room // 2))
        if end + more > column_room * 3 // 4:
            column_room = end + max(COLUMNS, end // 2)
        layers, heads, width = self._shape
        # Zeros, and not whatever lay there: masked or not, a value that is no number would spoil a sum.
        data = torch.zeros(layers, 2, row_room, heads, column_room, width, **self._kind)
        mask = torch.zeros(row_room, column_room, dtype=torch.bool, device=self._kind["device"])
        if self.rows:
            old, new = slice(self.first, self.end), slice(end - (self.end - self.first), end)
            data[:, :, : self.rows, :, new] = self._data[:, :, : self.rows, :, old]
            mask[: self.rows, new] = self._mask[: self.rows, old]
        self._data, self._mask, self.end = data, mask, end


class _Layer(CacheLayerMixin):
    """One layer of the rectangle, as transformers asks for it."""

    def __init__(self, rows: RowCache, number: int) -> None:
        super().__init__()
        self._rows, self._number, self.is_initialized = rows, number, True

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing: the rectangle is there."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return self._rows.write(self._number, key_states, value_states)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self._rows.end - self._rows.first, 0

    def get_seq_length(self) -> int:
        return self._rows.end - self._rows.first - 1

    def get_max_length(self) -> int:
        return -1

    def get_max_cache_shape(self) -> int:
        """What transformers before 5.20 asks in its place."""
        return -1
