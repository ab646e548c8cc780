"""One line, and one record, of a log file."""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_RECORD_BYTES = 32 << 20  # chosen here: no request log is known with larger records; longer ones go to quarantine


class Line(NamedTuple):
    """One line of a text file, or what is left of it.

    Attributes:
        number: From 1.
        offset: Its first byte in the uncompressed file.
        raw: Its bytes with the line end, at most MAX_RECORD_BYTES.
        reason: Why it cannot be used, one word, or None.
        detail: Why not, exactly.
    """

    number: int
    offset: int
    raw: bytes
    reason: str | None = None
    detail: str | None = None


class Record(NamedTuple):
    """One record of a file.

    Attributes:
        number: Line (JSON Lines, CSV) or element (JSON array, Parquet), from 1.
        offset: First byte in the uncompressed file, or None for Parquet.
        raw: The record's own bytes.
        value: What it says, or None where it cannot be read.
        reason: Why not, one word.
        detail: Why not, exactly.
    """

    number: int
    offset: int | None
    raw: bytes
    value: dict[str, Any] | None
    reason: str | None = None
    detail: str | None = None


class Prefix(NamedTuple):
    """A stretch from the start of a file.

    Attributes:
        length: How many bytes.
        sha256: Their digest.
        lines: How many lines end in it.
        last_line: The byte behind the last line that does.
    """

    length: int
    sha256: str
    lines: int
    last_line: int

    def longer(self, block: bytes) -> Prefix:
        """With what follows; the digest stays to be told."""
        last = block.rfind(b"\n") + 1
        last_line = self.length + last if last else self.last_line
        return Prefix(self.length + len(block), "", self.lines + block.count(b"\n"), last_line)


def first_line(error: Exception) -> str:
    """What an error says, in one short line."""
    return str(error).split("\n", 1)[0][:200]
