"""Blocks of a text file -> stretches of whole lines, in memory that an engine opens by name like a file."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from governance.records.record import Line
from governance.records.streams import BLOCK, CutShortError, lines

STRETCH_BYTES = 128 << 20  # chosen here: few files in the store, and a tenth of the memory that a process may take
_NEWLINE = 0x0A
_CACHED = 1 << 17  # bytes that are compared at once: they stay in the processor's cache


class Stretch:
    """Whole lines of a file.

    Args:
        number: How many lines come before.
        offset: How many bytes come before.
        capacity: How many bytes it can hold.

    Attributes:
        size: How many it holds.
    """

    def __init__(self, number: int, offset: int, capacity: int) -> None:
        self.number, self.offset, self.size = number, offset, 0
        self._file = _unnamed_file()
        os.ftruncate(self._file, capacity)
        self._memory = mmap.mmap(self._file, capacity)

    @property
    def path(self) -> str:
        """Name under which this process can open it."""
        return f"/proc/self/fd/{self._file}" if os.path.exists("/proc/self/fd") else f"/dev/fd/{self._file}"  # noqa: PTH110

    @property
    def data(self) -> npt.NDArray[np.uint8]:
        """Its bytes, shape (size,); not to be used once it is closed."""
        return np.frombuffer(self._memory, np.uint8, self.size)

    def append(self, block: bytes) -> None:
        """Adds bytes at the end."""
        self._memory[self.size : self.size + len(block)] = block
        self.size += len(block)

    def cut(self, records: int, *, is_end: bool) -> bytes:
        """Keeps whole lines, at most so many, and returns the bytes behind them.

        Args:
            records: How many lines.
            is_end: Whether the file ends here, so that the last line needs no line end.
        """
        end = self.size if is_end else self._memory.rfind(b"\n", 0, self.size) + 1
        if count(self.data[:end], _NEWLINE) >= records:
            end = int(positions(self.data[:end], _NEWLINE)[records - 1]) + 1
        rest = self._memory[end : self.size]
        self.size = end
        return rest

    def seal(self) -> None:
        """Ends the file where the lines end, so that it can be read by its name."""
        os.ftruncate(self._file, self.size)

    def line(self, start: int, end: int) -> bytes:
        """Some of its bytes."""
        return self._memory[start:end]

    def line_ends(self) -> npt.NDArray[np.int64]:
        """Position behind each line, shape (lines,)."""
        ends = positions(self.data, _NEWLINE) + 1
        return ends if self.size == 0 or self._memory[self.size - 1] == _NEWLINE else np.append(ends, self.size)

    def holds(self, text: bytes) -> bool:
        """Whether the bytes occur in it."""
        return self._memory.find(text, 0, self.size) >= 0

    def close(self) -> None:
        """Frees the memory."""
        os.close(self._file)
        self._memory = mmap.mmap(-1, 1)  # the arrays that look at the old one keep it as long as they live


@dataclass(frozen=True, slots=True)
class Rest:
    """What of a file must be read line by line: a line that no stretch can hold, or the end of a broken file.

    Attributes:
        found: The lines.
    """

    found: Iterator[Line]


def stretches(found: Iterable[bytes], records: int, number: int = 0, offset: int = 0) -> Iterator[Stretch | Rest]:
    """The stretches of a file, always cut in the same places.

    Args:
        found: Its bytes in blocks of at most `BLOCK`.
        records: How many lines one holds at most.
        number: How many lines come before.
        offset: How many bytes come before.
    """
    blocks = _Blocks(found)
    rest = b""
    while True:
        stretch = Stretch(number, offset, max(STRETCH_BYTES, len(rest)) + BLOCK)
        stretch.append(rest)
        while stretch.size < STRETCH_BYTES and (block := blocks.next()):
            stretch.append(block)
        rest = stretch.cut(records, is_end=blocks.is_whole)
        if stretch.size == 0:
            if not blocks.is_whole:
                yield Rest(lines(chain([rest], blocks), number, offset))
            return
        stretch.seal()
        number, offset = number + count(stretch.data, _NEWLINE), offset + stretch.size
        yield stretch
        stretch.close()


class _Blocks:
    """The blocks of a file; where it breaks off, the others are given first."""

    def __init__(self, found: Iterable[bytes]) -> None:
        self._blocks = iter(found)
        self._problem: CutShortError | None = None
        self.is_whole = False

    def next(self) -> bytes:
        """The next block; nothing at the end, or where the file is broken."""
        try:
            block = b"" if self._problem else next(self._blocks, b"")
        except CutShortError as error:
            self._problem = error
            return b""
        self.is_whole = not block and not self._problem
        return block

    def __iter__(self) -> Iterator[bytes]:
        while block := self.next():
            yield block
        if self._problem:
            raise self._problem


def count(data: npt.NDArray[np.uint8], byte: int) -> int:
    """How often a byte occurs."""
    return sum(int(np.count_nonzero(data[start : start + _CACHED] == byte)) for start in range(0, len(data), _CACHED))


def positions(data: npt.NDArray[np.uint8], byte: int) -> npt.NDArray[np.int64]:
    """Where a byte occurs, shape (times,)."""
    found = [np.flatnonzero(data[start : start + _CACHED] == byte) + start for start in range(0, len(data), _CACHED)]
    return np.concatenate(found) if found else np.empty(0, np.int64)


def _unnamed_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("stretch")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
