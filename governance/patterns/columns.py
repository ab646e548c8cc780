"""The values of lines of one pattern, column by column."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa

from governance.compiled.jit import WORD, Bytes, Spans, Words, words_of
from governance.compiled.texts import texts
from governance.compiled.tree import TEXT
from governance.patterns.templates import Slot

_WORDS = {"true": True, "false": False}


class SlotColumns:
    """What stands in the slots of lines of one pattern, as the strict parser would read it.

    Args:
        data: Holds the lines.
        words: The word at each byte.
        first: First byte of each value, shape (values, lines).
        last: The byte behind it, or ~ that if it is a text with escapes.
    """

    def __init__(self, data: Bytes, words: Words, first: Spans, last: Spans) -> None:
        self._data, self._words = data, words
        self._first, self._last = first, last
        self._columns: dict[int, list[Any]] = {}

    def __len__(self) -> int:
        return len(self._first[0])

    def filled(self, value: Any) -> Sequence[Any]:
        """A value in each line, shape (lines,), whatever of it is a slot."""
        if isinstance(value, Slot):
            if value.number not in self._columns:
                self._columns[value.number] = self._values(value)
            return self._columns[value.number]
        if not _has_slots(value):
            return [value] * len(self)
        if isinstance(value, dict):
            rows = zip(*map(self.filled, value.values()), strict=True)
            return [dict(zip(value, row, strict=True)) for row in rows]
        return [list(row) for row in zip(*map(self.filled, value), strict=True)]

    def _values(self, slot: Slot) -> list[Any]:
        found: list[Any] = self._texts(slot).to_numpy(zero_copy_only=False).tolist()
        return found if slot.kind == TEXT else [_bare(text) for text in found]

    def _texts(self, slot: Slot) -> pa.StringArray:
        first, last = self._first[slot.number], self._last[slot.number]
        size = int((np.where(last < 0, ~last, last) - first).sum(dtype=np.int64))
        edges, room = np.zeros(len(self) + 1, np.int32), np.empty(size + WORD, np.uint8)
        texts(self._data, self._words, first, last, slot.kind, edges[1:], 0, room, words_of(room))
        return pa.StringArray.from_buffers(len(self), pa.py_buffer(edges), pa.py_buffer(room))


def _has_slots(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_slots, value.values() if isinstance(value, dict) else value))
    return isinstance(value, Slot)


def _bare(text: str) -> Any:
    """A number or truth value, as the strict parser reads it."""
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if text.lstrip("-").isdecimal() else Decimal(text)
