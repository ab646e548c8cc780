"""Lines of a large file of JSON -> runs: those that differ in their values only by columns, the others as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from governance.batches import Fill
from governance.formats.rows import Columns, Meaning
from governance.patterns.templates import template_of
from governance.patterns.tree import Patterns
from governance.records import Record, json_lines
from governance.records.record import MAX_RECORD_BYTES, Line
from governance.records.stamped import is_part
from governance.records.streams import line_of
from governance.records.stretches import Rest, Stretch

Places = npt.NDArray[np.int64]

BLOCK = 1 << 13  # lines that are looked at together
_LEARNT, _SHARE = 100, 50  # lines from which patterns are learnt at once: one of so many, and no more
_LESSONS = 3  # for one block
MAX_UNLIKE = 0.02  # share of lines; with more, there may be something to learn
MAX_FAILURES = 2  # blocks of which less than half was alike; a file that has more of them has no patterns
_DIGITS = tuple(b"0123456789")
_BOM = b"\xef\xbb\xbf"


class Alike(NamedTuple):
    """Lines of one pattern.

    Attributes:
        places: Which lines of the run, ascending.
        meaning: What they mean.
        columns: Their values.
    """

    places: Places
    meaning: Meaning
    columns: Columns


@dataclass(frozen=True, slots=True)
class Run:
    """Some lines of a file, blank ones left out; to be read before the next run is asked for.

    Attributes:
        sizes: Bytes of the record of each, shape (lines,).
        alike: Those that were recognised.
        left: Places of the others.
        line: Place -> the line.
    """

    sizes: Places
    alike: list[Alike]
    left: list[int]
    line: Callable[[int], Line]


def runs(
    found: Iterable[Stretch | Rest], meaning_of: Callable[[dict[str, Any]], Meaning | None]
) -> Iterator[Run | Record]:
    """The runs of a file; none goes beyond the end of a batch, see `Fill`.

    Args:
        found: Its stretches.
        meaning_of: What lines of a template mean, told from its object; None where they are to be read one by one.
    """
    learner = _Learner(meaning_of)
    fill = Fill()
    parts = iter(found)
    for part in parts:
        if isinstance(part, Rest):
            yield from json_lines(part.found)
            return
        filled, _ = part.filled()
        for first in range(0, len(filled), BLOCK):
            block = _Block(part, filled[first : first + BLOCK])
            learner.recognise(block)
            begun = block.first_part()
            start, sizes = 0, block.sizes(learner)[:begun]
            while start < len(sizes):
                stop = start + fill.take(sizes[start:])
                yield block.run(learner, start, stop, sizes)
                start = stop
            if begun is not None:  # from here on a record may lie in several lines
                yield from json_lines(chain(part.given(int(filled[first + begun])), _all_given(parts)))
                return


def _all_given(parts: Iterable[Stretch | Rest]) -> Iterator[Line]:
    for part in parts:
        yield from part.found if isinstance(part, Rest) else part.given()


class _Block:
    """Some lines of a stretch.

    Args:
        stretch: Holds them.
        lines: Which ones.

    Attributes:
        starts: First byte of each, shape (lines,).
        ends: The byte behind it.
        found: Number of the pattern of each, -1 of none.
    """

    def __init__(self, stretch: Stretch, lines: Places) -> None:
        self.stretch, self._lines = stretch, lines
        self.ends = stretch.ends[lines]
        self.starts = np.where(lines > 0, stretch.ends[lines - 1], 0)
        self.found = np.full(len(lines), -1, np.int32)
        self._first = self._last = np.empty((0, len(lines)), np.int32)

    def __len__(self) -> int:
        return len(self.ends)

    def line(self, place: int) -> Line:
        """One of the lines."""
        start, end = int(self.starts[place]), int(self.ends[place])
        number = self.stretch.number + int(self._lines[place]) + 1
        return line_of(number, self.stretch.offset + start, self.stretch.line(start, end), end - start)

    def first_part(self) -> int | None:
        """Place of the first line that goes on in another line, as container runtimes cut them."""
        left = np.flatnonzero(self.found < 0)
        stamped = left[np.isin(self.stretch.data[self.starts[left]], _DIGITS)].tolist()
        return next((place for place in stamped if is_part(self.line(place).raw)), None)

    def match(self, tree: Patterns) -> None:
        """Finds which lines are of a pattern."""
        from governance.compiled.chains import follow  # noqa: PLC0415 - takes a second
        from governance.compiled.jit import WORD, words_of  # noqa: PLC0415

        table = tree.table()
        literals = np.frombuffer(table.literals + bytes(WORD), np.uint8)
        self._first, self._last = np.empty((2, tree.slots, len(self)), np.int32)
        data, known = self.stretch.padded, (words_of(literals), table.nodes, table.ways)
        places = (self._first, self._last, self.found)
        follow(data, words_of(data), self.starts, self.ends, *known, *places)
        self.found[self.ends - self.starts > MAX_RECORD_BYTES] = -1

    def sizes(self, learner: _Learner) -> Places:
        """Bytes of the record of each line, as the strict parser gives them."""
        sizes = self.ends - self.starts
        for number in np.unique(self.found).tolist():
            if number >= 0:
                literal = learner.tree.templates[number].literals[-1]
                sizes[self.found == number] -= len(literal) - len(literal.rstrip(b"\r\n"))
        for place in np.flatnonzero(self.found < 0).tolist():
            line = self.line(place)
            content = line.raw.removeprefix(_BOM) if line.number == 1 else line.raw
            sizes[place] = len(line.raw if line.reason else content.rstrip(b"\r\n"))
        return sizes

    def run(self, learner: _Learner, start: int, stop: int, sizes: Places) -> Run:
        """Some of the lines that follow one another."""
        found = self.found[start:stop]
        alike = [
            Alike(places, learner.meanings[number], self._columns(number, places + start, learner.tree))
            for number in np.unique(found).tolist()
            if number >= 0
            for places in [np.flatnonzero(found == number)]
        ]
        left = np.flatnonzero(found < 0).tolist()
        return Run(sizes[start:stop], alike, left, lambda place: self.line(start + place))

    def _columns(self, number: int, places: Places, tree: Patterns) -> Columns:
        from governance.compiled.jit import words_of  # noqa: PLC0415 - as in `match`
        from governance.patterns.columns import SlotColumns  # noqa: PLC0415

        slots = slice(len(tree.templates[number].kinds))
        is_whole = len(places) == len(self)
        chosen = [each[slots] if is_whole else each[slots, places] for each in (self._first, self._last)]
        data = self.stretch.padded
        return SlotColumns(data, words_of(data), chosen[0], chosen[1])


class _Learner:
    """The patterns of one file.

    Args:
        meaning_of: See `runs`.

    Attributes:
        tree: Their templates.
        meanings: What each means.
    """

    def __init__(self, meaning_of: Callable[[dict[str, Any]], Meaning | None]) -> None:
        self.tree = Patterns()
        self.meanings: list[Meaning] = []
        self._meaning_of = meaning_of
        self._failures = 0

    def recognise(self, block: _Block) -> None:
        """Finds the patterns of lines, and learns new ones."""
        if self._failures > MAX_FAILURES:
            return
        left = self._unlike(block)
        for _ in range(_LESSONS):
            if len(left) <= MAX_UNLIKE * len(block) or not self._learn(block, left):
                break
            left = self._unlike(block)
        self._failures += len(left) > len(block) / 2

    def _unlike(self, block: _Block) -> Places:
        """The lines that are of no pattern."""
        if self.meanings:
            block.match(self.tree)
        return np.flatnonzero(block.found < 0)

    def _learn(self, block: _Block, places: Places) -> bool:
        """Learns some lines; whether there was something new."""
        chosen = places[:: max(len(places) // min(_LEARNT, len(places) // _SHARE + 1), 1)]
        news = [self._is_new(block.line(place)) for place in chosen.tolist()]
        return any(news)

    def _is_new(self, line: Line) -> bool:
        value = next(iter(json_lines([line]))).value if line.raw.startswith(b"{") else None
        template = None if value is None else template_of(line.raw, value)
        meaning = None if template is None else self._meaning_of(template.value)
        if template is None or meaning is None or not self.tree.add(template):
            return False
        self.meanings.append(meaning)
        return True
