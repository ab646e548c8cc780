"""Files -> blocks of plain bytes -> lines: bounded, and what a broken file still holds is kept."""

from __future__ import annotations

import bz2
import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

from governance.records.messages import Messages
from governance.records.record import MAX_RECORD_BYTES, Line

Buffer: TypeAlias = bytes | memoryview
Room: TypeAlias = Callable[[], memoryview]
BLOCK = 1 << 18
BROKEN = (OSError, EOFError, zlib.error)

# Chosen here: text logs compress 5 to 50 times, a bomb 1,000 times (gzip) and far more (zstd, bz2)
MAX_EXPANSION = 200
FREE_BYTES = 1 << 30


class CutShortError(Exception):
    """A file ends before its end, or is stopped there.

    Args:
        reason: `truncated`, or `too_long` where it expands beyond measure.
        detail: What exactly.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(detail)


@dataclass(slots=True)
class Meter:
    """How far a file has been read.

    Attributes:
        bytes: From its start, as they lie on the disk.
    """

    bytes: int = 0


def open_stream(raw: IO[bytes], compression: str | None) -> Any:
    """The uncompressed bytes of an open file; `read1` raises one of `BROKEN` where it breaks."""
    if compression == "gzip":
        return gzip.GzipFile(fileobj=raw)
    if compression == "bz2":
        return bz2.BZ2File(raw)
    if compression == "messages":
        return Messages(raw)
    if compression == "zstd":
        import pyarrow as pa  # noqa: PLC0415 - the standard library of 3.11 has no zstd

        return pa.input_stream(pa.PythonFile(raw, mode="r"), compression="zstd")
    return raw


def limit_of(size: int) -> int:
    """How many bytes a file of `size` bytes may expand to."""
    return max(FREE_BYTES, MAX_EXPANSION * size)


def blocks(
    path: Path, compression: str | None, size: int, meter: Meter | None = None, start: int = 0
) -> Iterator[bytes]:
    """The uncompressed bytes of a file in blocks, none of them empty; see `blocks_into`."""
    return map(bytes, blocks_into(None, path, compression, size, meter, start))


def blocks_into(
    room: Room | None, path: Path, compression: str | None, size: int, meter: Meter | None = None, start: int = 0
) -> Iterator[Buffer]:
    """The uncompressed bytes of a file in blocks, none of them empty.

    What is appended while it is read is left for the next time: the digest is of the bytes that were there.

    Args:
        room: Where the next block may be put, which costs no new memory and no copy; done where that is possible.
        path: Where it lies.
        compression: gzip, zstd, bz2, messages or None.
        size: Its bytes on the disk when it was looked at.
        meter: Told how far the file has been read.
        start: The first byte; 0 in a compressed file.

    Raises:
        CutShortError: The compressed file is broken or expands beyond measure, or a plain one became shorter.
    """
    seen, limit = 0, limit_of(size)
    plain = None if compression else size - start
    room = None if compression else room
    with path.open("rb") as raw, open_stream(raw, compression) as stream:
        if start:
            raw.seek(start)
        while True:
            try:
                block = _block(stream, BLOCK if plain is None else min(BLOCK, plain - seen), room)
            except BROKEN as error:
                if compression == "zstd" and (rest := _rest(path, seen)):
                    yield rest
                raise CutShortError("truncated", f"the compressed file breaks off here ({error})") from error
            if not block:
                if plain is not None and seen < plain:
                    raise CutShortError("truncated", f"the file became shorter while it was read ({size} bytes before)")
                return
            seen += len(block)
            if meter is not None:
                meter.bytes = raw.tell()
            if compression and seen > limit:
                raise CutShortError(
                    "too_long", f"the file expands to more than {limit} bytes; what follows was not read"
                )
            yield block


def _block(stream: Any, size: int, room: Room | None) -> Buffer:
    """The next bytes of a stream, at most so many."""
    if room is None:
        return bytes(stream.read1(size))
    place = room()
    return place[: stream.readinto(place[:size])]


def _rest(path: Path, seen: int) -> bytes:
    """What a broken zstd file holds behind `seen` bytes: pyarrow drops what it has when the next part fails."""
    rest = bytearray()
    with path.open("rb") as raw, open_stream(raw, "zstd") as stream, suppress(*BROKEN):
        while seen:
            seen -= len(stream.read1(min(BLOCK, seen)))
        while byte := stream.read1(1):
            rest += byte
    return bytes(rest)


def lines(found: Iterable[bytes], number: int = 0, offset: int = 0) -> Iterator[Line]:
    """The lines of a file; one that is too long for a record is cut, and the end of a broken file is a line too.

    Args:
        found: Its bytes.
        number: How many lines stand before them.
        offset: How many bytes.
    """
    held = 0
    parts: list[bytes] = []
    try:
        for block in found:
            *whole, rest = block.split(b"\n")
            for piece in whole:
                number += 1
                size = held + len(piece) + 1
                yield line_of(number, offset, b"".join((*parts, piece, b"\n")), size)
                offset += size
                parts.clear()
                held = 0
            if held < MAX_RECORD_BYTES and rest:
                parts.append(rest)
            held += len(rest)
    except CutShortError as error:
        yield Line(number + 1, offset, b"".join(parts)[:MAX_RECORD_BYTES], error.reason, error.detail)
        return
    if held:
        yield line_of(number + 1, offset, b"".join(parts), held)


def line_of(number: int, offset: int, raw: bytes, size: int) -> Line:
    """A line of so many bytes; of one that is too long for a record, the first are kept."""
    if size <= MAX_RECORD_BYTES:
        return Line(number, offset, raw)
    detail = f"the record has {size} bytes, more than {MAX_RECORD_BYTES}; the first of them are kept"
    return Line(number, offset, raw[:MAX_RECORD_BYTES], "too_long", detail)
