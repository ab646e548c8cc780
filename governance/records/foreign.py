"""Files that are no log, or none that can be read as it is: told by their first bytes, with what to do about them."""

from __future__ import annotations

import errno
from typing import NamedTuple

from governance.records.messages import is_messages

_TAR_AT, _TAR = 257, b"ustar"
_SEEN = 64  # bytes that tell UTF-16 without a mark: every second one of Latin text is zero
_UNPACK = "unpack it and give its files"
_EXPORT = "export its table as CSV or Parquet"


class Foreign(NamedTuple):
    """What a file is, and what to do."""

    what: str
    hint: str


_BY_START: tuple[tuple[bytes, Foreign], ...] = (
    (b"PK\x03\x04", Foreign("an archive (zip, or a spreadsheet)", f"{_UNPACK}, or save a spreadsheet as CSV")),
    (b"7z\xbc\xaf\x27\x1c", Foreign("an archive (7z)", _UNPACK)),
    (b"Rar!\x1a\x07", Foreign("an archive (rar)", _UNPACK)),
    (b"\xfd7zXZ\0", Foreign("compressed by xz", "pipe it in: xz -dc FILE | governance ingest -")),
    (b"\x04\x22\x4d\x18", Foreign("compressed by lz4", "pipe it in: lz4 -dc FILE | governance ingest -")),
    (b"\x1f\x8b", Foreign("compressed twice", "decompress it once")),
    (b"\x28\xb5\x2f\xfd", Foreign("compressed twice", "decompress it once")),
    (b"SQLite format 3\0", Foreign("an SQLite database", _EXPORT)),
    (b"Obj\x01", Foreign("an Avro file", "convert it to JSON Lines or Parquet")),
    (b"ORC", Foreign("an ORC file", "convert it to Parquet")),
    (b"ARROW1\0\0", Foreign("an Arrow file", "convert it to Parquet")),
    (b"\x89PNG\r\n\x1a\n", Foreign("a picture", "give a log")),
    (b"\xff\xd8\xff", Foreign("a picture", "give a log")),
    (b"%PDF-", Foreign("a PDF", "give a log")),
)
# what to do where the file cannot be read at all
WAYS_OUT = {
    errno.ESPIPE: "a pipe is read as `-`: COMMAND | governance ingest -",
    errno.EACCES: "ask for the right to read it",
    errno.EISDIR: "it is a folder: name a file in it, or to `ingest` the folder itself",
    errno.ELOOP: "the link leads back to itself; name the file",
}
_TO_UTF8 = "save it as UTF-8: iconv -f {} -t UTF-8 FILE > OTHER"


def foreign(head: bytes) -> Foreign | None:
    """What a file is that cannot be read, or None.

    Args:
        head: Its first bytes, uncompressed.
    """
    found = next((kind for start, kind in _BY_START if head.startswith(start)), None)
    if found is not None:
        return found
    if head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return Foreign("an archive (tar)", _UNPACK)
    if head[:1] == b"\0" and head[4:5] == b"\n" and not is_messages(head):
        what = "binary messages with their length before each, such as OpenTelemetry's protobuf"
        return Foreign(what, "have the collector's file exporter write `format: json`")
    encoding = _wide(head)
    return None if encoding is None else Foreign(f"text in {encoding}, not in UTF-8", _TO_UTF8.format(encoding))


def _wide(head: bytes) -> str | None:
    """UTF-16 or UTF-32, told by its mark, or by the zeros that it puts between Latin letters."""
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "UTF-32"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    for name, zeros in (("UTF-16LE", head[1:_SEEN:2]), ("UTF-16BE", head[0:_SEEN:2])):
        others = head[0:_SEEN:2] if name == "UTF-16LE" else head[1:_SEEN:2]
        if zeros and not any(zeros) and others and all(others):
            return name
    return None
