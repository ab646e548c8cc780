"""CSV with a header -> records; the delimiter is the one of `, ; tab |` that header and first row agree on."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from governance.errors import SourceError
from governance.records.record import MAX_RECORD_BYTES, Line, Record

_DELIMITERS = ",;\t|"
_PEEKED = 50  # lines that are looked at for the first row


class CsvLayout(NamedTuple):
    """What the header of a CSV file says.

    Attributes:
        delimiter: One character.
        names: Of the columns.
    """

    delimiter: str
    names: list[str]

    def facts(self) -> dict[str, Any]:
        """The same as JSON."""
        return {"delimiter": self.delimiter, "names": list(self.names)}


def csv_records(lines: Iterable[Line], name: str) -> Iterator[Record]:
    """One record for each row that is not blank; a row may go on over lines inside quotes.

    A broken row ends with its first line, so that a stray quote does not swallow the good rows after it.

    Args:
        lines: Of the file.
        name: The file's name, for errors.

    Raises:
        SourceError: The header names a column twice or not at all.
    """
    feed = _Feed(lines)
    yield from _records(feed, _layout(feed, name))


def csv_rows(lines: Iterable[Line], layout: CsvLayout) -> Iterator[Record]:
    """One record for each row of lines that stand behind a known header."""
    yield from _records(_Feed(lines), layout)


def _records(feed: _Feed, layout: CsvLayout) -> Iterator[Record]:
    rows = feed.rows(layout.delimiter)
    while True:
        feed.taken.clear()
        try:
            cells = next(rows, None)
        except csv.Error as error:
            rows = feed.rows(layout.delimiter)
            yield feed.reject_first(str(error))
            continue
        if cells is None:
            return
        record = _record(feed.taken, cells, layout.names)
        if record is not None:
            yield record


class FirstRow(NamedTuple):
    """What the first row of some lines is.

    Attributes:
        record: None for a blank one.
        lines: How many lines it takes; one where it is broken.
        needs_more: Whether it might be another row if more lines followed.
    """

    record: Record | None
    lines: int
    needs_more: bool


def first_row(lines: Iterable[Line], layout: CsvLayout) -> FirstRow:
    """The first row of lines that stand behind a known header; there is at least one line."""
    feed = _Feed(lines)
    try:
        cells = next(feed.rows(layout.delimiter))
    except csv.Error as error:
        return FirstRow(feed.reject_first(str(error)), 1, feed.is_out)
    return FirstRow(_record(feed.taken, cells, layout.names), len(feed.taken), needs_more=False)


def csv_layout(lines: Iterable[Line], name: str) -> CsvLayout:
    """What the header says.

    Raises:
        SourceError: It names a column twice or not at all.
    """
    return _layout(_Feed(lines), name)


def _layout(feed: _Feed, name: str) -> CsvLayout:
    delimiter = _delimiter(feed.peek(2))
    return CsvLayout(delimiter, _header(feed, delimiter, name))


class _Feed:
    """Gives lines to a csv reader and remembers which it took, so that they can be given again."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = iter(lines)
        self._again: deque[Line] = deque()
        self.taken: list[Line] = []
        self.is_out = False
        csv.field_size_limit(MAX_RECORD_BYTES)  # the limit of Python, 128 KiB, is less than a prompt may have

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines, None)
        if line is None:
            self.is_out = True
            raise StopIteration
        self.taken.append(line)
        return _text(line)

    def peek(self, count: int) -> list[str]:
        """The first lines that are not blank; blank ones before them are dropped, but not those between them."""
        for line in self._lines:
            if self._again or _is_filled(line):
                self._again.append(line)
            if len(self._again) == _PEEKED or sum(map(_is_filled, self._again)) == count:
                break
        return [_text(line) for line in self._again if _is_filled(line)]

    def rows(self, delimiter: str) -> Iterator[list[str]]:
        """The rows from here on; raises `csv.Error` for a broken one, after which it must be asked for again."""
        return csv.reader(self, delimiter=delimiter, strict=True)

    def reject_first(self, detail: str) -> Record:
        """The first line that was taken, as a record that cannot be read; the others are given again."""
        first, *others = self.taken
        self._again.extendleft(reversed(others))
        is_cut = not others and not first.raw.endswith(b"\n")
        reason = "truncated" if is_cut else "bad_csv"
        return Record(first.number, first.offset, first.raw, None, first.reason or reason, first.detail or detail)


def _is_filled(line: Line) -> bool:
    return bool(line.raw.strip() or line.reason)


def _text(line: Line) -> str:
    text = line.raw.decode("utf-8", "surrogateescape")
    return text.removeprefix("\ufeff") if line.number == 1 else text


def _delimiter(sample: list[str]) -> str:
    widths: dict[str, list[int]] = {}
    for delimiter in _DELIMITERS:
        try:
            widths[delimiter] = [len(row) for row in csv.reader(sample, delimiter=delimiter)] or [0]
        except csv.Error:
            widths[delimiter] = [0]
    agreeing = [delimiter for delimiter, found in widths.items() if found[0] > 1 and len(set(found)) == 1]
    return max(agreeing or widths, key=lambda delimiter: widths[delimiter][0])


def _header(feed: _Feed, delimiter: str, name: str) -> list[str]:
    try:
        names = next(feed.rows(delimiter), [])
    except csv.Error as error:
        hint = "lines must end in a line feed, and quotes must be closed"
        raise SourceError(f"the header cannot be read ({error})", where=f"{name}:1", hint=hint) from error
    if any(line.reason for line in feed.taken) or not names:
        raise SourceError("the header cannot be read", where=f"{name}:1", hint="is the file whole?")
    try:
        "".join(names).encode()
    except UnicodeEncodeError as error:
        hint = "save the file as UTF-8"
        raise SourceError("the header is not UTF-8", where=f"{name}:1", hint=hint) from error
    if "" in names:
        is_excel = names[0].startswith("sep=")
        hint = "remove the line that begins with sep=" if is_excel else "the first line must name each column"
        raise SourceError("the header leaves a column without a name", where=f"{name}:1", hint=hint)
    twice = next((column for place, column in enumerate(names) if column in names[:place]), None)
    if twice is not None:
        hint = "give each column its own name"
        raise SourceError(f"the header names the column '{twice}' twice", where=f"{name}:1", hint=hint)
    return names


def _record(taken: list[Line], cells: list[str], names: list[str]) -> Record | None:
    """The record of a row, or None for a blank line."""
    number, offset, raw, reason, detail = taken[0]
    if len(taken) > 1:
        raw = b"".join([line.raw for line in taken])
        reason, detail = next(((line.reason, line.detail) for line in taken if line.reason), (None, None))
    if reason is not None:
        return Record(number, offset, raw, None, reason, detail)
    if not cells or (len(cells) < len(names) and not raw.strip()):
        return None
    if not raw.isascii():
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as error:
            return Record(number, offset, raw, None, "bad_utf8", f"byte {error.start} is not UTF-8")
    if len(cells) != len(names):
        reason = "bad_csv" if raw.endswith(b"\n") else "truncated"
        detail = f"{len(cells)} cells, but the header names {len(names)} columns"
        return Record(number, offset, raw, None, reason, detail)
    return Record(number, offset, raw, dict(zip(names, cells, strict=True)))
