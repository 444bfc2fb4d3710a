"""A key-value cache that is updated in place, so that adding a token never copies the earlier ones.

All rows end at the same column. A new row is written so that it ends there, the last row replaces a removed one, and a
new token takes one more column. So only new and moved rows are copied. The columns before a row are masked.

Shapes: `L` layers, `R` rows, `K` key-value heads, `C` columns, `E` size of a head.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import Cache
from transformers.cache_utils import CacheLayerMixin

MIN_NEW_COLUMNS = 256
MIN_NEW_ROWS = 16
"""The cache grows by at least this many columns or rows, or by half of its size. *Ours*."""


class RowCache:
    """The cache, with a view of it for transformers."""

    def __init__(self, layers: int, heads: int, width: int, dtype: torch.dtype, device: torch.device) -> None:
        self._shape, self._kind = (layers, heads, width), {"dtype": dtype, "device": device}
        self.view = Cache(layers=[_Layer(self, number) for number in range(layers)])
        self.clear()

    def clear(self) -> None:
        """Remove all rows and release the memory."""
        layers, heads, width = self._shape
        self.rows = self.end = 0
        self._lengths: list[int] = []
        self._data = torch.empty(layers, 2, 0, heads, 0, width, **self._kind)
        self._mask = torch.empty(0, 0, dtype=torch.bool, device=self._kind["device"])

    def append(self, prompts: list[torch.Tensor], copies: list[int]) -> None:
        """Append ``copies[i]`` rows with the keys and values ``prompts[i]``, `[L, 2, K, tokens, E]`."""
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
        """Add a column for one more token of every row.

        Returns the mask `[R, 1, 1, C]` and the positions of the tokens `[R, 1]`.
        """
        positions = torch.tensor(self._lengths, device=self._kind["device"])[:, None]
        if self.end == self._mask.shape[1]:  # no free column: move all rows to the left edge
            self._place(self.rows, max(self._lengths), 1)
        self._mask[: self.rows, self.end] = True
        self.end += 1
        self._lengths = [length + 1 for length in self._lengths]
        return self._mask[: self.rows, None, None, self.first : self.end], positions

    def keep(self, order: list[int]) -> None:
        """Keep the rows with these numbers, in this order, and remove the others."""
        moved = [(new, old) for new, old in enumerate(order) if new != old]
        if moved:
            new, old = (torch.tensor(numbers, device=self._kind["device"]) for numbers in zip(*moved, strict=True))
            self._data[:, :, new, :, self.first : self.end] = self._data[:, :, old, :, self.first : self.end]
            self._mask[new] = self._mask[old]
        self.rows = len(order)
        self._lengths = [self._lengths[row] for row in order]

    def write(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Write keys and values of the last token, `[R, K, 1, E]`; returns those of all tokens, `[R, K, C, E]`."""
        own = self._data[layer, :, : self.rows]
        own[0, :, :, self.end - 1], own[1, :, :, self.end - 1] = keys[:, :, 0], values[:, :, 0]
        return own[0, :, :, self.first : self.end], own[1, :, :, self.first : self.end]

    @property
    def first(self) -> int:
        """The first column that any row uses."""
        return self.end - max(self._lengths, default=0)

    def _place(self, rows: int, end: int, more: int = 0) -> None:
        """Make space for `rows` rows that end at column `end`, with `more` free columns after it."""
        row_room, column_room = self._mask.shape
        if rows <= row_room and end == self.end and end + more <= column_room:
            return
        if rows > row_room:
            row_room = max(rows, row_room + max(MIN_NEW_ROWS, row_room // 2))
        if end + more > column_room * 3 // 4:
            column_room = end + max(MIN_NEW_COLUMNS, end // 2)
        layers, heads, width = self._shape
        # Zeros, because a NaN in uninitialised memory would spoil a sum even where it is masked.
        data = torch.zeros(layers, 2, row_room, heads, column_room, width, **self._kind)
        mask = torch.zeros(row_room, column_room, dtype=torch.bool, device=self._kind["device"])
        if self.rows:
            old, new = slice(self.first, self.end), slice(end - (self.end - self.first), end)
            data[:, :, : self.rows, :, new] = self._data[:, :, : self.rows, :, old]
            mask[: self.rows, new] = self._mask[: self.rows, old]
        self._data, self._mask, self.end = data, mask, end


class _Layer(CacheLayerMixin):
    """One layer of the cache, with the interface of transformers."""

    def __init__(self, rows: RowCache, number: int) -> None:
        super().__init__()
        self._rows, self._number, self.is_initialized = rows, number, True

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Does nothing: the cache exists already."""

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
        """transformers before 5.20 calls this instead of ``get_max_length``."""
        return -1
