"""Blocks of a text file -> stretches of whole lines, in memory that an engine opens by name like a file."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from governance.records.record import Line
from governance.records.streams import BLOCK, Buffer, CutShortError, Room, line_of, lines

STRETCH_BYTES = 104 << 20  # chosen here: few files in the store; two are held, one that is read while one is written
SPARE = 8  # bytes behind the last one
_NEWLINE = 0x0A
_IS_WHITE = np.isin(np.arange(256), tuple(b" \t\n\r\v\f"))
_BOM = b"\xef\xbb\xbf"
_CACHED = 1 << 17  # bytes that are compared at once: they stay in the processor's cache


class _Memory:
    """An unnamed file in memory, used again for each stretch: new pages cost as much as filling them.

    Args:
        capacity: Its bytes.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.file = _unnamed_file()
        os.ftruncate(self.file, capacity)
        self.bytes = mmap.mmap(self.file, capacity)

    def close(self) -> None:
        """Frees it; arrays that still look at it keep it as long as they live."""
        os.close(self.file)
        with suppress(BufferError):
            self.bytes.close()


class Stretch:
    """Whole lines of a file; to be used until the next one is asked for.

    Args:
        number: How many lines come before.
        offset: How many bytes come before.
        memory: Holds the bytes.

    Attributes:
        size: How many bytes it holds.
        ends: Position behind each line, shape (lines,); the last line may have no line end.
        behind: The bytes behind its lines that are read already; the next stretch begins with them.
        is_end: Whether the file ends with those.
    """

    def __init__(self, number: int, offset: int, memory: _Memory) -> None:
        self.number, self.offset, self.size = number, offset, 0
        self.ends: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self.behind = b""
        self.is_end = False
        self._memory = memory

    @property
    def path(self) -> str:
        """Name under which this process can open it."""
        folder = "/proc/self/fd" if os.path.exists("/proc/self/fd") else "/dev/fd"  # noqa: PTH110
        return f"{folder}/{self._memory.file}"

    @property
    def data(self) -> npt.NDArray[np.uint8]:
        """Its bytes, shape (size,)."""
        return np.frombuffer(self._memory.bytes, np.uint8, self.size)

    @property
    def padded(self) -> npt.NDArray[np.uint8]:
        """Its bytes, and a few more that mean nothing: whoever reads several at once may read behind the end."""
        return np.frombuffer(self._memory.bytes, np.uint8, self.size + SPARE)

    def line(self, start: int, end: int) -> bytes:
        """Some of its bytes."""
        return self._memory.bytes[start:end]

    def room(self) -> memoryview:
        """Where a block may be put that is appended next."""
        return memoryview(self._memory.bytes)[self.size : self.size + BLOCK]

    def append(self, block: Buffer) -> None:
        """Adds bytes at the end; they may be there already."""
        if not isinstance(block, memoryview) or block.obj is not self._memory.bytes:
            self._memory.bytes[self.size : self.size + len(block)] = block
        self.size += len(block)

    def cut(self, records: int, *, is_end: bool) -> None:
        """Keeps whole lines, at most so many.

        Args:
            records: How many lines.
            is_end: Whether the file ends here, so that the last line needs no line end.
        """
        ends = positions(self.data, _NEWLINE) + 1
        if is_end and len(ends) < records and self.size > (ends[-1] if len(ends) else 0):
            ends = np.append(ends, self.size)
        self.ends = ends
        self.is_end = is_end
        self.keep(records)

    def keep(self, lines: int) -> None:
        """Leaves all lines but the first ones to the next stretch."""
        self.ends = self.ends[:lines]
        end = int(self.ends[-1]) if len(self.ends) else 0
        self.behind = self._memory.bytes[end : self.size] + self.behind
        self.size = end

    def lines_from(self, place: int) -> Iterator[Line]:
        """The lines from one of its own on, and those behind it that are read already.

        Args:
            place: How many of its lines come before. It must not have been sealed, which clears what is behind it.
        """
        start = int(self.ends[place - 1]) if place else 0
        end = self.size + len(self.behind)
        while start < end:
            place += 1
            newline = self._memory.bytes.find(b"\n", start, end) + 1
            if not newline and not self.is_end:
                return
            after = newline or end
            yield line_of(self.number + place, self.offset + start, self.line(start, after), after - start)
            start = after

    def given(self, first: int = 0) -> Iterator[Line]:
        """Its lines from one on, blank ones among them."""
        start = int(self.ends[first - 1]) if first else 0
        for number, end in enumerate(self.ends[first:].tolist(), self.number + first + 1):
            yield line_of(number, self.offset + start, self.line(start, end), end - start)
            start = end

    def filled(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Which of its lines are not blank, and the first byte of each behind a mark of byte order."""
        starts = np.concatenate((self.ends[:1] * 0, self.ends[:-1]))
        if self.number == 0 and len(self.ends) and self.line(0, len(_BOM)) == _BOM:
            starts[0] = len(_BOM)
        places = np.arange(len(self.ends))
        blank = [
            place
            for place in np.flatnonzero(_IS_WHITE[self.data[np.minimum(starts, self.size - 1)]]).tolist()
            if not self.line(int(starts[place]), int(self.ends[place])).strip()
        ]
        return (np.delete(places, blank), np.delete(starts, blank)) if blank else (places, starts)

    @contextmanager
    def sealed(self) -> Iterator[str]:
        """Its name, while the file of that name ends where the lines end."""
        os.ftruncate(self._memory.file, self.size)
        try:
            yield self.path
        finally:
            os.ftruncate(self._memory.file, self._memory.capacity)


@dataclass(frozen=True, slots=True)
class Rest:
    """What of a file must be read line by line: a line that no stretch can hold, or the end of a broken file.

    Attributes:
        found: The lines.
    """

    found: Iterator[Line]


def stretches(
    found: Callable[[Room], Iterable[Buffer]], records: int, number: int = 0, offset: int = 0, *, head: int = 0
) -> Iterator[Stretch | Rest]:
    """The stretches of a file, always cut in the same places.

    Args:
        found: Its bytes in blocks of at most `BLOCK`, each of which may be put where it is told to.
        records: How many lines one holds at most.
        number: How many lines come before.
        offset: How many bytes come before.
        head: How many more lines the first one holds, which are no records.
    """
    rest = b""
    memory = _Memory(STRETCH_BYTES + BLOCK + SPARE)
    stretch = Stretch(number, offset, memory)

    def room() -> memoryview:
        return stretch.room()  # of the one that is being filled

    blocks = _Blocks(found(room))
    try:
        while True:
            stretch = Stretch(number, offset, memory)
            stretch.append(rest)
            while stretch.size < STRETCH_BYTES and (block := blocks.next()):
                stretch.append(block)
            stretch.cut(records + head, is_end=blocks.is_whole)
            head = 0
            if stretch.size == 0:
                rest = stretch.behind
                break
            yield stretch
            number, offset = number + len(stretch.ends), offset + stretch.size
            rest = stretch.behind
    finally:
        memory.close()
    if not blocks.is_whole:
        yield Rest(lines(chain([rest], blocks), number, offset))


class _Blocks:
    """The blocks of a file; where it breaks off, the others are given first."""

    def __init__(self, found: Iterable[Buffer]) -> None:
        self._blocks = iter(found)
        self._problem: CutShortError | None = None
        self.is_whole = False

    def next(self) -> Buffer:
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
            yield bytes(block)
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
