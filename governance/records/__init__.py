"""Forms of log files, one file each: lines, elements or rows -> records, with the bytes that each came from.

What cannot be read is a record too, with the reason: nothing is dropped and nothing is guessed. Blank lines are none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from governance.errors import NotFoundError, SourceError
from governance.records.csv_rows import CsvLayout, FirstRow, csv_layout, csv_records, csv_rows, first_row
from governance.records.foreign import WAYS_OUT, foreign
from governance.records.json_texts import json_record, json_sequence, parse_json, text_of
from governance.records.json_texts import json_records as json_lines
from governance.records.messages import is_messages
from governance.records.parquet_rows import (
    FirstRows,
    parquet_columns,
    parquet_first_rows,
    parquet_records,
    parquet_tables,
)
from governance.records.record import Prefix, Record
from governance.records.stamped import is_stamped
from governance.records.streams import Buffer, CutShortError, Meter, Room, blocks, blocks_into, lines
from governance.records.stretches import Rest, Stretch
from governance.records.stretches import stretches as cut

__all__ = [
    "CsvLayout",
    "FirstRow",
    "FirstRows",
    "LogFile",
    "Meter",
    "Prefix",
    "Record",
    "columns_of",
    "csv_records",
    "csv_rows",
    "first_row",
    "json_lines",
    "layout_of",
    "open_log",
    "parquet_first_rows",
    "parquet_tables",
    "parse_json",
    "printable",
    "read_again",
    "records",
    "text_of",
    "text_stretches",
]

CHUNK = 1 << 20
_MAGIC = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bz2"))
_COMPRESSED_NAMES = (".gz", ".zst", ".zstd", ".bz2")
_JSON_NAMES = (".json", ".jsonl", ".ndjson")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file that was found, not yet read.

    Attributes:
        path: Where it lies.
        name: How it is shown: as the user wrote it.
        form: csv, jsonl, json or parquet.
        compression: gzip, zstd, bz2, messages (each with its length before it) or None.
        sha256: Digest of the bytes on disk.
        bytes: How many there are.
        meter: How far it has been read; whoever reads it tells.
        prefixes: Stretches from its start that were asked for.
        start_byte: Where reading begins; 0, or the end of what was read before the file grew.
        start_line: Lines before that.
        start_record: Records before that.
    """

    path: Path
    name: str
    form: str
    compression: str | None
    sha256: str
    bytes: int
    meter: Meter = field(default_factory=Meter, compare=False, repr=False)
    prefixes: tuple[Prefix, ...] = ()
    start_byte: int = 0
    start_line: int = 0
    start_record: int = 0


def open_log(path: Path, name: str | None = None, lengths: Iterable[int] = ()) -> LogFile:
    """Looks at a file: its digest, compression and form, told from its first bytes.

    Args:
        path: Where it lies.
        name: How it is shown, if not by its path.
        lengths: Bytes of the prefixes that are asked for, of those that are shorter than the file.

    Raises:
        NotFoundError: There is no such file.
        SourceError: The file is empty, or its content is not what its name says.
    """
    shown = name or printable(str(path))
    try:
        digest, size, prefixes = _digest(path, lengths)
        with path.open("rb") as raw:
            compression = _compression(raw.read(8))
    except FileNotFoundError as error:
        raise NotFoundError("there is no such file", where=shown, hint="check the path") from error
    except OSError as error:
        hint = WAYS_OUT.get(error.errno or 0)
        raise SourceError(f"the file cannot be read ({error.strerror})", where=shown, hint=hint) from error
    if size == 0:
        raise SourceError("the file is empty", where=shown, hint="give a file with at least one record")
    head = _head(path, compression, size, shown)
    if compression and head.startswith(b"PAR1"):
        raise SourceError(
            "a Parquet file cannot be read while it is compressed as a whole",
            where=shown,
            hint="decompress it; Parquet compresses its own pages",
        )
    if (other := foreign(head)) is not None:
        raise SourceError(f"the file is {other.what}", where=shown, hint=other.hint)
    return LogFile(path, shown, _form(head, shown), compression, digest, size, prefixes=prefixes)


def printable(name: str) -> str:
    """A file name as the ledger and JSON can hold it: bytes that are no UTF-8 become escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _digest(path: Path, lengths: Iterable[int]) -> tuple[str, int, tuple[Prefix, ...]]:
    """Digest and bytes of a file, and the prefixes that it is longer than."""
    seen = Prefix(0, "", 0, 0)
    sha = hashlib.sha256()
    wanted = sorted({length for length in lengths if length > 0}, reverse=True)
    found = []
    room = memoryview(bytearray(CHUNK))  # new memory for each block would take as long as reading it
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(room[: wanted[-1] - seen.length] if wanted else room):
            block = room[:size]
            sha.update(block)
            if wanted:
                seen = seen.longer(bytes(block))
                if seen.length == wanted[-1]:
                    found.append(seen._replace(sha256=sha.hexdigest()))
                    wanted.pop()
        size = file.tell()
    return sha.hexdigest(), size, tuple(prefix for prefix in found if prefix.length < size)


def _compression(magic: bytes) -> str | None:
    if is_messages(magic):
        return "messages"
    return next((name for start, name in _MAGIC if magic.startswith(start)), None)


def _head(path: Path, compression: str | None, size: int, shown: str) -> bytes:
    try:
        return next(blocks(path, compression, size), b"")
    except CutShortError as error:
        raise SourceError(f"the compressed file cannot be opened: {error}", where=shown) from error


def _form(head: bytes, shown: str) -> str:
    if head.startswith(b"PAR1"):
        return "parquet"
    text = head.removeprefix(_BOM).lstrip()
    suffixes = [suffix for suffix in map(str.lower, PurePath(shown).suffixes) if suffix not in _COMPRESSED_NAMES]
    is_named_json = bool(suffixes) and suffixes[-1] in _JSON_NAMES
    if not text:
        raise SourceError("the file holds nothing but blank lines", where=shown, hint="give a file with records")
    if text[:1] in b"{[":
        return _json_form(text)
    if is_stamped(text) or _holds_objects(text, is_named_json=is_named_json):
        return "jsonl"  # after a server's own words, or the end of a record whose log was cut while it was rotated
    if is_named_json:
        raise SourceError(
            "the file is named as JSON, but its first line is not JSON",
            where=shown,
            hint="a CSV file must be named .csv; a JSON Lines file holds one object per line",
        )
    if b"\0" in text.partition(b"\n")[0]:  # further on it is a character that a log should not have, and may
        hint = "CSV, JSON Lines and JSON in UTF-8, and Parquet can be read"
        raise SourceError("the file is neither text in UTF-8 nor Parquet", where=shown, hint=hint)
    return "csv"


def _holds_objects(text: bytes, *, is_named_json: bool) -> bool:
    """Whether objects follow the first line; if the name does not say so, they are at least half of the lines.

    A hostile row of CSV may be an object too, and a cell may begin like one.
    """
    others = [line for line in text.splitlines()[1:] if line.strip()]
    begun = [line for line in others if line.lstrip().startswith(b"{")]
    if is_named_json or not begun:
        return bool(begun)
    return 2 * sum(map(_is_object, begun)) > len(others)


def _is_object(line: bytes) -> bool:
    try:
        return bool(json.loads(line))
    except (ValueError, RecursionError):
        return False


def _json_form(text: bytes) -> str:
    """`json` for an array, or objects that go on over lines; else `jsonl`.

    A value goes on over lines if its first line ends between two tokens, and no other begins on the next line.
    """
    first, newline, rest = text.partition(b"\n")
    is_array = first[:1] == b"["
    try:
        json.loads(first)
    except json.JSONDecodeError as error:
        line = first.decode("utf-8", "replace").rstrip()
        if error.msg == "Extra data" and line[error.pos] == "{" and not rest.strip():
            return "json"  # one object right behind the other, as Amazon's Firehose writes them
        ends_open = newline and error.pos >= len(line)
        return "json" if is_array or (ends_open and rest.lstrip()[:1] != b"{") else "jsonl"
    except (ValueError, RecursionError):
        return "json" if is_array else "jsonl"
    return "json" if is_array and not rest.strip() else "jsonl"


def records(log: LogFile) -> Iterator[Record]:
    """The records of a file, in its order.

    Raises:
        SourceError: The header of a CSV file, or the footer of a Parquet file, cannot be used.
    """
    if log.form == "parquet":
        return parquet_records(log.path, log.name, log.bytes, log.meter)
    found = blocks(log.path, log.compression, log.bytes, log.meter, log.start_byte)
    if log.form == "json":
        return json_sequence(found)
    own = lines(found, log.start_line, log.start_byte)
    if log.form != "csv":
        return json_lines(own)
    layout = layout_of(log) if log.start_byte else None
    return csv_rows(own, layout) if layout else csv_records(own, log.name)


def text_stretches(log: LogFile, records: int, *, has_header: bool = False) -> Iterator[Stretch | Rest]:
    """The stretches of a text file, each of at most so many lines; a header is none of them."""

    def found(room: Room) -> Iterator[Buffer]:
        return blocks_into(room, log.path, log.compression, log.bytes, log.meter, log.start_byte)

    return cut(found, records, log.start_line, log.start_byte, head=int(has_header))


def columns_of(log: LogFile) -> list[str] | None:
    """The columns of a table in which every record has every column (CSV, Parquet), else None.

    Raises:
        SourceError: The header or the footer cannot be used.
    """
    if log.form == "parquet":
        return parquet_columns(log.path, log.name)
    layout = layout_of(log)
    return None if layout is None else layout.names


def layout_of(log: LogFile) -> CsvLayout | None:
    """What the header of a CSV file says; None for other files.

    Raises:
        SourceError: The header cannot be used.
    """
    if log.form != "csv":
        return None
    return csv_layout(lines(blocks(log.path, log.compression, log.bytes)), log.name)


def read_again(before: Record, layout: CsvLayout | None) -> Record:
    """A record that could not be read, read again from its own bytes.

    Args:
        before: The record; one that was too long has not kept all its bytes, and stays as it is.
        layout: Of a CSV file; None for others, whose records are JSON.
    """
    number, offset, raw, _, reason, _ = before
    if reason == "too_long":
        return before
    if layout is None:
        return json_record(number, offset, raw, ended=reason != "truncated")
    if not raw.endswith(b"\n"):
        return before._replace(reason="truncated", detail="the end of the row is missing")
    own = (line._replace(number=number + line.number - 1) for line in lines([raw]))
    found = list(csv_rows(own, layout))
    if len(found) != 1:
        return Record(number, offset, raw, None, "bad_csv", f"{len(found)} rows, not one")
    return found[0]._replace(offset=offset)
