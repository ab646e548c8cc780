"""What the columns of an unknown log look like: how filled, how different, and of which kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from governance.records import text_of

DEPTH = 4  # chosen here: objects inside objects are looked into so far; ids and times do not lie deeper
NULLS = ("", "null", "None", "NULL", "-", "NaN", "nan")  # texts by which logs say that there is nothing
_WHOLE = re.compile(r"[-+]?\d{1,30}(\.0*)?")
_REAL = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_CLOCK = r"[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?"
_NAIVE = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}({_CLOCK})?")
_ZONED = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}{_CLOCK}\s?(Z|z|UTC|GMT|[+-]\d{{2}}(:?\d{{2}})?)")
_FLAGS = {"true", "false"}
# 2001 to 2096 in each unit: no other number of requests, tokens or microseconds is written with so many digits
_EPOCHS = (("epoch_s", 1e9), ("epoch_ms", 1e12), ("epoch_us", 1e15), ("epoch_ns", 1e18))
_PATTERNS = (
    *("%Y/%m/%d %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d/%b/%Y:%H:%M:%S %z"),
    *("%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d%H%M%S", "%a %b %d %H:%M:%S %Y"),
)


class Kind(StrEnum):
    """What the values of a column are."""

    EMPTY = "empty"
    FLAG = "truth values"
    WHOLE = "whole numbers"
    REAL = "numbers"
    TIME = "times"
    TEXT = "texts"
    NESTED = "lists"


@dataclass(frozen=True, slots=True)
class Profile:
    """What one column looks like in the first records of a file.

    Attributes:
        name: The column, or a dotted path into nested objects.
        kind: What its values are.
        records: How many records were looked at.
        filled: In how many of them it holds something.
        values: Its different values, in the order in which they came.
        formats: Of times: how they can be read (iso, epoch_..., strptime patterns); of numbers that may be times too.
        is_naive: Of times: whether none says its zone.
        longest: Characters of the longest value.
        nulls: Texts in it that say nothing was logged.
    """

    name: str
    kind: Kind
    records: int
    filled: int
    values: tuple[str, ...]
    formats: tuple[str, ...] = ()
    is_naive: bool = False
    longest: int = 0
    nulls: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every record has a value."""
        return self.filled == self.records

    @property
    def is_unique(self) -> bool:
        """Whether every record has a value of its own."""
        return self.is_whole and len(self.values) == self.filled

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers."""
        return self.kind in (Kind.WHOLE, Kind.REAL)

    @property
    def numbers(self) -> list[float]:
        """Its different values as numbers, if they are."""
        return [float(value) for value in self.values] if self.is_number else []


def profiles(values: Iterable[Mapping[str, Any]]) -> list[Profile]:
    """The columns of records, in the order in which they come; objects are looked into."""
    found: dict[str, list[Any]] = {}
    records = 0
    for value in values:
        records += 1
        for name, cell in _cells(value):
            found.setdefault(name, []).append(cell)
    return [_profile(name, cells, records) for name, cells in found.items()]


def _cells(value: Mapping[str, Any], before: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    for key, cell in value.items():
        if isinstance(cell, dict) and cell and depth < DEPTH:
            yield from _cells(cell, f"{before}{key}.", depth + 1)
        else:
            yield f"{before}{key}", cell


def _profile(name: str, cells: list[Any], records: int) -> Profile:
    written = [text_of(cell).strip() for cell in cells if cell is not None]
    texts = [text for text in written if text not in NULLS]
    nulls = tuple(null for null in NULLS if null in written)
    is_nested = any(isinstance(cell, list | dict) for cell in cells)
    kind, formats, is_naive = (Kind.NESTED, (), False) if is_nested else _kind(texts)
    values = tuple(dict.fromkeys(texts))
    return Profile(name, kind, records, len(texts), values, formats, is_naive, max(map(len, texts), default=0), nulls)


def _kind(texts: list[str]) -> tuple[Kind, tuple[str, ...], bool]:
    if not texts:
        return Kind.EMPTY, (), False
    if {text.lower() for text in texts} <= _FLAGS:
        return Kind.FLAG, (), False
    if all(map(_REAL.fullmatch, texts)):
        kind = Kind.WHOLE if all(map(_WHOLE.fullmatch, texts)) else Kind.REAL
        return kind, _epochs([float(text) for text in texts]), False
    naive = [_NAIVE.fullmatch(text) is not None for text in texts]
    if all(is_naive or _ZONED.fullmatch(text) for is_naive, text in zip(naive, texts, strict=True)):
        return Kind.TIME, ("iso",), any(naive)
    patterns = tuple(pattern for pattern in _PATTERNS if all(_fits(text, pattern) for text in texts))
    if patterns:
        return Kind.TIME, patterns, "%z" not in patterns[0]
    return Kind.TEXT, (), False


def _epochs(figures: list[float]) -> tuple[str, ...]:
    return tuple(name for name, least in _EPOCHS if all(least <= figure < 4 * least for figure in figures))


def _fits(text: str, pattern: str) -> bool:
    try:
        datetime.strptime(text, pattern)  # noqa: DTZ007 - only whether it can be read is asked
    except ValueError:
        return False
    return True
