"""Files of logs -> records: one object for each line, array element or row, with the bytes that it came from.

What cannot be read is a record too, with the reason: nothing is dropped and nothing is guessed. Blank lines are none.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, cast

from governance.errors import NotFoundError, SourceError

MAX_RECORD_BYTES = 32 << 20  # chosen here: no request log is known with larger records; longer ones go to quarantine
MAX_DEPTH = 64  # log-formats say: DuckDB stops at 128, gateways cut at 32; deeper is an attack or an accident
CHUNK = 1 << 20

_MAGIC = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"BZh", "bz2"))
_JSON_NAMES = (".json", ".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class Record:
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


@dataclass(frozen=True, slots=True)
class LogFile:
    """A file that was found, not yet read.

    Attributes:
        path: Where it lies.
        name: How it is shown: as the user wrote it.
        form: csv, jsonl, json or parquet.
        compression: gzip, zstd, bz2 or None.
        sha256: Digest of the bytes on disk.
        bytes: How many there are.
    """

    path: Path
    name: str
    form: str
    compression: str | None
    sha256: str
    bytes: int


def open_log(path: Path, name: str | None = None) -> LogFile:
    """Looks at a file: its digest, compression and form, told from its first bytes.

    Raises:
        NotFoundError: There is no such file.
        SourceError: The file is empty, or its content is not what its name says.
    """
    shown = name or str(path)
    try:
        digest, size = _digest(path)
    except FileNotFoundError as error:
        raise NotFoundError("there is no such file", where=shown, hint="check the path") from error
    except OSError as error:
        raise SourceError(f"the file cannot be read ({error.strerror})", where=shown) from error
    if size == 0:
        raise SourceError("the file is empty", where=shown, hint="give a file with at least one record")
    with path.open("rb") as raw:
        compression = _compression(raw.read(4))
    head = _head(path, compression, shown)
    return LogFile(path, shown, _form(head, path, shown), compression, digest, size)


def _digest(path: Path) -> tuple[str, int]:
    size = 0
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            sha.update(block)
            size += len(block)
    return sha.hexdigest(), size


def _compression(magic: bytes) -> str | None:
    return next((name for start, name in _MAGIC if magic.startswith(start)), None)


def _head(path: Path, compression: str | None, shown: str) -> bytes:
    try:
        with _stream(path, compression) as stream:
            return stream.read(65536)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"the compressed file cannot be opened ({error})", where=shown) from error


def _form(head: bytes, path: Path, shown: str) -> str:
    if head.startswith(b"PAR1"):
        return "parquet"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if not text:
        raise SourceError("the file holds nothing but blank lines", where=shown, hint="give a file with records")
    if text[:1] in b"{[":
        return _json_form(text)
    if any(suffix in _JSON_NAMES for suffix in suffixes):
        raise SourceError(
            "the file is named as JSON, but its first line is not JSON",
            where=shown,
            hint="a CSV file must be named .csv; a JSON Lines file holds one object per line",
        )
    if b"\0" in head:
        raise SourceError(
            "the file is neither text nor Parquet", where=shown, hint="CSV, JSON Lines, JSON and Parquet can be read"
        )
    return "csv"


def _json_form(text: bytes) -> str:
    if text[:1] == b"[":
        return "json"
    first, _, rest = text.partition(b"\n")
    try:
        json.loads(first)
    except ValueError:
        # an object that goes on over lines, unless the next line starts a new one
        return "jsonl" if rest.lstrip()[:1] == b"{" else "json"
    return "jsonl"


def _stream(path: Path, compression: str | None) -> IO[bytes]:
    if compression == "gzip":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if compression == "bz2":
        return bz2.open(path, "rb")
    if compression == "zstd":
        import pyarrow as pa  # noqa: PLC0415 - the standard library of 3.11 has no zstd

        return pa.input_stream(str(path), compression="zstd")  # type: ignore[no-any-return]
    return path.open("rb")


def records(log: LogFile) -> Iterator[Record]:
    """The records of a file, in its order."""
    reader = {"csv": _csv, "jsonl": _json_lines, "json": _json_document, "parquet": _parquet}[log.form]
    return reader(log)


def _lines(log: LogFile) -> Iterator[tuple[int, int, bytes, str | None]]:
    """Number, offset, bytes with line end, and a problem of each line; a broken end of a file is said once."""
    offset = 0
    number = 0
    with _stream(log.path, log.compression) as stream:
        reader = stream if hasattr(stream, "peek") else io.BufferedReader(stream)  # type: ignore[type-var]
        while True:
            try:
                line = reader.readline(MAX_RECORD_BYTES + 1)
            except (OSError, EOFError, zlib.error) as error:
                yield number + 1, offset, b"", f"the compressed file ends too early ({error})"
                return
            if not line:
                return
            number += 1
            problem = None
            if len(line) > MAX_RECORD_BYTES:
                problem = f"longer than {MAX_RECORD_BYTES} bytes"
                offset += _skip_line(reader)
            yield number, offset, line, problem
            offset += len(line)


def _skip_line(reader: Any) -> int:
    skipped = 0
    while block := reader.readline(CHUNK):
        skipped += len(block)
        if block.endswith(b"\n"):
            break
    return skipped


def _json_lines(log: LogFile) -> Iterator[Record]:
    for number, offset, line, problem in _lines(log):
        content = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if problem:
            yield Record(number, offset, line, None, "truncated" if not line else "too_long", problem)
        elif content.strip():
            yield json_record(number, offset, content.rstrip(b"\r\n"), ended=line.endswith(b"\n"))


def json_record(number: int, offset: int | None, raw: bytes, *, ended: bool = True) -> Record:
    """The record of one JSON text: strict UTF-8, no key twice, no lone surrogate, at most 64 deep.

    Args:
        number: Its number in the file.
        offset: Where it starts.
        raw: Its bytes.
        ended: Whether a line end follows; without one, a broken record is a truncated one.
    """
    try:
        value = parse_json(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        return Record(number, offset, raw, None, "bad_utf8", f"byte {error.start} is not UTF-8")
    except _DuplicateKeyError as error:
        return Record(number, offset, raw, None, "duplicate_key", f"the key {error} stands twice in one object")
    except (_TooDeepError, RecursionError):
        return Record(number, offset, raw, None, "too_deep", f"nested deeper than {MAX_DEPTH}")
    except ValueError as error:
        reason = "bad_json" if ended else "truncated"
        return Record(number, offset, raw, None, reason, _first_line(error))
    if not isinstance(value, dict):
        return Record(number, offset, raw, None, "not_an_object", f"a JSON {_kind(value)}, not an object")
    return Record(number, offset, raw, value)


class _DuplicateKeyError(ValueError):
    """The same key twice in one object."""


class _TooDeepError(ValueError):
    """Nested deeper than MAX_DEPTH."""


def parse_json(text: str) -> Any:
    """JSON text -> value; numbers with a point as Decimal, so that no digit is lost.

    Raises:
        ValueError: The text is not JSON, holds a key twice, a lone surrogate or too deep a nesting.
    """
    value = json.loads(text, object_pairs_hook=_unique, parse_float=Decimal)
    if "\\u" in text:
        text_of(value).encode("utf-8")  # a lone surrogate cannot be stored
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise _TooDeepError
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        raise _DuplicateKeyError(repr(next(key for key, _ in pairs if key in seen or seen.add(key))))  # type: ignore[func-returns-value]
    return value


def _depth(value: Any) -> int:
    deepest = 0
    stack = [(value, 1)]
    while stack:
        item, depth = stack.pop()
        deepest = max(deepest, depth)
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        stack.extend((child, depth + 1) for child in children if isinstance(child, dict | list))
    return deepest


def _kind(value: Any) -> str:
    return {list: "array", str: "text", bool: "truth value", type(None): "null"}.get(type(value), "number")


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:200]


def text_of(value: Any) -> str:
    """Canonical text of a value: true/false, numbers as written, nested values as compact JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else text_of(value)


def _json_document(log: LogFile) -> Iterator[Record]:
    with _stream(log.path, log.compression) as stream:
        try:
            data = stream.read().removeprefix(b"\xef\xbb\xbf")
        except (OSError, EOFError, zlib.error) as error:
            yield Record(1, 0, b"", None, "truncated", f"the compressed file ends too early ({error})")
            return
    stripped = data.strip()
    if not stripped.startswith(b"["):
        yield json_record(1, 0, stripped)
        return
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        yield Record(1, 0, data, None, "bad_utf8", f"byte {error.start} is not UTF-8")
        return
    yield from _elements(text)


def _elements(text: str) -> Iterator[Record]:
    """The elements of a JSON array, each with its own bytes; what follows a broken one is one broken record."""
    decoder = json.JSONDecoder()
    position = text.index("[") + 1
    offset = len(text[:position].encode())
    number = 0
    while True:
        start = _skip(text, position, " \t\r\n")
        if text[start : start + 1] in ("]", ""):
            break
        number += 1
        offset += len(text[position:start].encode())
        try:
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            yield Record(number, offset, text[start:].encode(), None, "bad_json", _first_line(error))
            return
        raw = text[start:end].encode()
        yield json_record(number, offset, raw)
        position = _skip(text, _skip(text, end, " \t\r\n"), ",")
        offset += len(text[start:position].encode())
    if text[start : start + 1] == "" or text[start + 1 :].strip():
        tail = text[start:].encode()
        yield Record(number + 1, offset, tail, None, "truncated", "the array is not closed, or more follows it")


def _skip(text: str, position: int, characters: str) -> int:
    while position < len(text) and text[position] in characters:
        position += 1
    return position


def _csv(log: LogFile) -> Iterator[Record]:
    """Rows of a CSV file with a header; the delimiter is the one of `, ; tab |` that the header holds most of."""
    taken: list[tuple[int, int, bytes]] = []
    broken: list[Record] = []

    def text_lines() -> Iterator[str]:
        for number, offset, line, problem in _lines(log):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                broken.append(Record(number, offset, line, None, "bad_utf8", f"byte {error.start} is not UTF-8"))
                continue
            if problem:
                broken.append(Record(number, offset, line, None, "truncated" if not line else "too_long", problem))
                continue
            taken.append((number, offset, line))
            yield text

    lines = text_lines()
    first = next(lines, "")
    names = next(csv.reader([first], delimiter=_delimiter(first)), [])
    if len(set(names)) != len(names) or "" in names:
        raise SourceError(
            "the header names a column twice or not at all", where=f"{log.name}:1", hint="give each column its own name"
        )
    taken.clear()
    reader = csv.reader(lines, delimiter=_delimiter(first), strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if not taken:
                break
            yield _csv_record(taken, None, "bad_csv", str(error))
            taken.clear()
            reader = csv.reader(lines, delimiter=_delimiter(first), strict=True)
            continue
        if len(cells) == len(names):
            yield _csv_record(taken, dict(zip(names, cells, strict=True)))
        elif cells:
            yield _csv_record(taken, None, "bad_csv", f"{len(cells)} cells, but the header names {len(names)} columns")
        taken.clear()
        if broken:
            yield from broken
            broken.clear()
    yield from broken


def _csv_record(
    taken: list[tuple[int, int, bytes]],
    value: dict[str, Any] | None,
    reason: str | None = None,
    detail: str | None = None,
) -> Record:
    number, offset, _ = taken[0]
    return Record(number, offset, b"".join(line for _, _, line in taken), value, reason, detail)


def _delimiter(header: str) -> str:
    return max(",;\t|", key=header.count)


def _parquet(log: LogFile) -> Iterator[Record]:
    import pyarrow as pa  # noqa: PLC0415 - costs 0.3 s, and only Parquet files need it here
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        file = pq.ParquetFile(log.path)
        number = 0
        for batch in file.iter_batches(batch_size=8192):
            for value in batch.to_pylist():
                number += 1
                yield Record(number, None, text_of(value).encode(), value)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"the Parquet file cannot be read ({_first_line(error)})", where=log.name, hint="it may be cut short"
        ) from error
