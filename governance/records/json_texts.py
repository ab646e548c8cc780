"""JSON Lines, arrays and documents -> records, each parsed strictly."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from governance.records.record import MAX_RECORD_BYTES, Line, Record, first_line
from governance.records.stamped import unstamped, whole_lines
from governance.records.streams import CutShortError

MAX_DEPTH = 64  # DuckDB stops at 128, gateways cut at 32 (log-formats, hard cases); deeper is an attack or an accident
MAX_DOCUMENT_BYTES = 256 << 20  # chosen here: one document of spans may be long, but is held in memory as a whole
_BOM = b"\xef\xbb\xbf"
_BLANK = re.compile(r"[ \t\r\n]*")


def json_records(lines: Iterable[Line]) -> Iterator[Record]:
    """One record for each line that is not blank."""
    for line in whole_lines(lines):
        content = line.raw.removeprefix(_BOM) if line.number == 1 else line.raw
        offset = line.offset + len(line.raw) - len(content)
        if line.reason:
            yield Record(line.number, line.offset, line.raw, None, line.reason, line.detail)
        elif content.strip():
            yield json_record(line.number, offset, content.rstrip(b"\r\n"), ended=content.endswith(b"\n"))


def json_record(  # noqa: PLR0911 - one way out for each way in which a record can be broken
    number: int, offset: int | None, raw: bytes, *, ended: bool = True
) -> Record:
    """The record of one JSON text: strict UTF-8, no key twice, no lone surrogate, at most 64 deep.

    Args:
        number: Its number in the file.
        offset: Where it starts.
        raw: Its bytes.
        ended: Whether a line end follows; without one, a broken record is a truncated one.
    """
    try:
        value = parse_json(unstamped(raw).decode("utf-8"))
    except UnicodeDecodeError as error:
        return Record(number, offset, raw, None, "bad_utf8", f"byte {error.start} is not UTF-8")
    except UnicodeEncodeError:
        return Record(number, offset, raw, None, "bad_utf8", "an escape stands for half a character (lone surrogate)")
    except _DuplicateKeyError as error:
        return Record(number, offset, raw, None, "duplicate_key", f"the key {error} stands twice in one object")
    except (_TooDeepError, RecursionError):
        return Record(number, offset, raw, None, "too_deep", f"nested deeper than {MAX_DEPTH}")
    except json.JSONDecodeError as error:
        return Record(number, offset, raw, None, "bad_json" if ended else "truncated", first_line(error))
    except (ValueError, InvalidOperation):
        return Record(number, offset, raw, None, "out_of_range", "a number has too many digits")
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
        ValueError: The text is not JSON, holds a key twice, a lone surrogate, too long a number or too deep a nesting.
        decimal.InvalidOperation: A number has an exponent beyond any decimal.
    """
    value = _DECODER.decode(text) if not text.startswith("\ufeff") else json.loads(text)  # which says what is wrong
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


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=Decimal)  # made once: it costs half a record


def _depth(value: Any) -> int:
    depth = 0
    level = [value]
    while level:
        depth += 1
        level = [
            child
            for item in level
            for child in (item.values() if type(item) is dict else item)
            if type(child) is dict or type(child) is list
        ]
    return depth


def _kind(value: Any) -> str:
    return {list: "array", str: "text", bool: "truth value", type(None): "null"}.get(type(value), "number")


def text_of(value: Any) -> str:
    """Canonical text of a value: true/false, numbers as written, nested values as compact JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return _ENCODER.encode(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _plain(value: Any) -> Any:
    """A decimal as the number that a double holds, if that is the same; else as text, so that no digit is lost."""
    if isinstance(value, Decimal):
        double = float(value)
        return double if value.is_finite() and Decimal(repr(double)) == value else str(value)
    return text_of(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain)  # made once


def json_sequence(blocks: Iterable[bytes]) -> Iterator[Record]:
    """The elements of an array, or the documents of a file that holds one after the other; each with its own bytes.

    Where an element is broken, the rest of the file is one broken record: nobody can say where the next one begins.
    """
    text = _Text(blocks)
    if text.next() != "[":
        yield from _documents(text)
        return
    text.take(1)
    yield from _elements(text)


def _documents(text: _Text) -> Iterator[Record]:
    number = 0
    while text.next():
        number += 1
        record = text.record(number, MAX_DOCUMENT_BYTES)
        yield record or text.broken(number)
        if record is None:
            return
    if text.problem:
        yield text.broken(number + 1)


def _elements(text: _Text) -> Iterator[Record]:
    number = 0
    while (first := text.next()) not in ("]", ""):
        if number:
            if first != ",":
                break
            text.take(1)
            text.next()
        number += 1
        record = text.record(number, MAX_RECORD_BYTES)
        yield record or text.broken(number)
        if record is None:
            return
    if first == "]":
        text.take(1)
    if first == "" or text.next() or text.problem:
        yield text.broken(number + 1)


class _Text:
    """The part of a JSON file that is being looked at; bytes that are no UTF-8 spoil only the element they are in."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._decoder = json.JSONDecoder()
        self._text = ""
        self._at = 0
        self.offset = 0
        self.problem: CutShortError | None = None
        self._is_whole = False
        self._fill()
        if self._text.startswith("\ufeff"):
            self.take(1)

    def _fill(self, least: int = 1) -> None:
        parts = [self._text[self._at :]]
        added = 0
        while added < least and not self._is_whole:
            try:
                block = next(self._blocks, b"")
            except CutShortError as error:
                self.problem, block = error, b""
            self._is_whole = not block
            parts.append(self._decode(block, self._is_whole))
            added += len(block)
        self._text, self._at = "".join(parts), 0

    def next(self) -> str:
        """The next character that is no white space, or an empty text at the end; what comes before it is dropped."""
        while True:
            blank = _BLANK.match(self._text, self._at)
            end = blank.end() if blank else self._at
            self.take(end - self._at)
            if end < len(self._text) or self._is_whole:
                return self._text[end : end + 1]
            self._fill()

    def take(self, count: int) -> bytes:
        """The bytes of the next characters, which are dropped."""
        raw = self._text[self._at : self._at + count].encode("utf-8", "surrogateescape")
        self._at += count
        self.offset += len(raw)
        return raw

    def record(self, number: int, limit: int) -> Record | None:
        """The record that begins here, or None if nobody can say where it ends, or that is after `limit`."""
        while True:
            try:
                _, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError):
                end = len(self._text) + 1
            length = end - self._at
            if end < len(self._text) or (self._is_whole and end == len(self._text)):
                offset = self.offset
                return json_record(number, offset, self.take(length)) if length <= limit else None
            if self._is_whole or length > limit:
                return None
            self._fill(length)

    def broken(self, number: int) -> Record:
        """What is left, as one record that cannot be read."""
        self._fill(MAX_RECORD_BYTES)
        offset, left = self.offset, len(self._text) - self._at
        raw = self.take(min(left, MAX_RECORD_BYTES))
        if self.problem:
            return Record(number, offset, raw, None, self.problem.reason, self.problem.detail)
        if left > MAX_RECORD_BYTES:
            detail = f"a value is broken or too long; of what follows, the first {MAX_RECORD_BYTES} bytes are kept"
            return Record(number, offset, raw, None, "too_long", detail)
        return Record(number, offset, raw, None, *_why_broken(raw.decode("utf-8", "surrogateescape")))


def _why_broken(text: str) -> tuple[str, str]:
    """Reason and detail for the rest of a file."""
    try:
        json.loads(text)
    except RecursionError:
        return "too_deep", f"nested deeper than {MAX_DEPTH}"
    except json.JSONDecodeError as error:
        is_cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        return "truncated" if is_cut else "bad_json", first_line(error)
    except ValueError:
        return "out_of_range", "a number has too many digits"
    return "bad_json", "more follows where the array should go on or end"
