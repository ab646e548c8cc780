"""What the ledger writes down: entries and the files that they name, with one spelling each.

1. An entry is canonical JSON: UTF-8, keys sorted, no spaces, text, integers, booleans, null, lists and objects only.
   A number with a fraction has several spellings, so there is none: write it as text or in smaller units.
2. An entry has exactly the keys at, facts, files, kind, number, prev; a file has bytes, facts, path, sha256.
3. A path is relative to the store. Its parts begin with a letter or digit and hold letters, digits and `. _ = + -`
   only, so no path leads out of the store or needs escaping.
4. `prev` is the SHA-256 of the bytes of the entry before; the first entry has 64 zeros.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

from governance.errors import GovernanceError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

JSON: TypeAlias = "str | int | bool | Sequence[JSON] | Mapping[str, JSON] | None"

ENTRY_NAME = re.compile(r"ledger/([0-9]{10})\.json")
CHECKPOINT_NAME = re.compile(r"ledger/checkpoints/([0-9]{10})")
FORMAT = 1
NO_ENTRY = "0" * 64  # `prev` of the first entry
MAX_ENTRY_BYTES = 1 << 28  # chosen here: far more than any entry has, little enough to be read at once
_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+-]{0,199}(?:/[A-Za-z0-9][A-Za-z0-9._=+-]{0,199}){1,15}")
_STAGED = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._=+-]*/)*\.tmp-[A-Za-z0-9._=+-]+(?:/[A-Za-z0-9][A-Za-z0-9._=+-]*)*")
_SHA256 = re.compile("[0-9a-f]{64}")
_AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_KIND = re.compile("[a-z][a-z0-9-]{0,63}")
_ENTRY_KEYS = {"at", "facts", "files", "kind", "number", "prev"}
_FILE_KEYS = {"bytes", "facts", "path", "sha256"}
_PENDING_KEYS = {"checkpoint", "entry", "staged"}
REPLACES = "replaces"  # fact of a file that a compaction made: the paths of those whose rows it holds, in their order
_RESERVED = ("cache", "ledger", "spool")  # folders whose files no entry names


class NamedFile(NamedTuple):
    """A file that an entry vouches for."""

    path: str  # relative to the store, with slashes
    sha256: str  # hex
    bytes: int
    facts: dict[str, Any]  # JSON without floats: table, day, rows, model ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One event of the ledger."""

    number: int  # from 0
    kind: str
    at: str  # UTC, 2026-07-01T00:00:00.000000Z
    facts: dict[str, Any]  # JSON without floats
    files: tuple[NamedFile, ...]
    prev: str  # SHA-256 of the bytes of the entry before, hex
    raw: bytes

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Entry in its file; whether it has the one canonical spelling is asked with `is_canonical`.

        Raises:
            ValueError: The bytes are no entry.
        """
        record = _object(raw, _ENTRY_KEYS, "entry")
        number, kind, at, prev = record["number"], record["kind"], record["at"], record["prev"]
        if type(number) is not int or number < 0:
            raise ValueError("has a number that is none")
        if not (isinstance(kind, str) and _KIND.fullmatch(kind)):
            raise ValueError("has a kind that is none")
        if not (isinstance(at, str) and _AT.fullmatch(at)):
            raise ValueError("has a time that is not UTC with microseconds")
        if not (isinstance(prev, str) and _SHA256.fullmatch(prev)):
            raise ValueError("has a prev that is no SHA-256")
        datetime.fromisoformat(at)  # a 13th month is a ValueError
        if not (isinstance(record["facts"], dict) and isinstance(record["files"], list)):
            raise ValueError("has facts or files of another form")  # noqa: TRY004 - the bytes are wrong, not a caller
        return cls(number, kind, at, record["facts"], tuple(map(_file, record["files"])), prev, raw)


@dataclass(frozen=True, slots=True)
class Pending:
    """A write that was begun: the next entry, the checkpoint that will sign it, and where its files wait."""

    entry: Entry
    checkpoint: bytes  # signed note
    staged: tuple[str, ...]  # temporary paths, relative to the store, in the order of the entry's files

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Pending write in `ledger/pending`.

        Raises:
            ValueError: The bytes are not the one spelling of a pending write.
        """
        record = _object(raw, _PENDING_KEYS, "pending write")
        if not all(isinstance(record[key], str) for key in ("entry", "checkpoint")) or not is_canonical(raw):
            raise ValueError("is not spelled as a pending write is")
        entry = Entry.from_bytes(record["entry"].encode())
        staged = record["staged"]
        if not isinstance(staged, list) or len(staged) != len(entry.files) or not is_canonical(entry.raw):
            raise ValueError("holds an entry of another spelling")
        if not all(isinstance(path, str) and _STAGED.fullmatch(path) for path in staged):
            raise ValueError("names a temporary file outside the store")
        return cls(entry, record["checkpoint"].encode(), tuple(staged))

    def raw(self) -> bytes:
        """The bytes of `ledger/pending`."""
        staged = list(self.staged)
        return canonical({"checkpoint": self.checkpoint.decode(), "entry": self.entry.raw.decode(), "staged": staged})


def entry_name(number: int) -> str:
    """Path of an entry in the store."""
    return f"ledger/{number:010d}.json"


def checkpoint_name(size: int) -> str:
    """Path, in the store, of the checkpoint that signs the first `size` entries."""
    return f"ledger/checkpoints/{size:010d}"


def canonical(value: JSON) -> bytes:
    """The one spelling of a value as JSON.

    Raises:
        TypeError: It holds a float, or a key or value that JSON has no one spelling for.
        GovernanceError: It holds text that UTF-8 cannot write.
    """
    _refuse_ambiguous(value)
    try:
        return _dumps(value).encode()
    except UnicodeEncodeError as error:
        text = ascii(error.object[max(0, error.start - 20) : error.end + 20])
        raise GovernanceError(
            f"a text holds half a character, which UTF-8 cannot write: {text}",
            hint="rename the file, or repair the text, that it comes from",
        ) from error


_dumps = partial(json.dumps, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def is_canonical(raw: bytes) -> bool:
    """Whether bytes are the one spelling of what they say."""
    try:
        return canonical(json.loads(raw.decode())) == raw
    except (ValueError, TypeError, RecursionError, GovernanceError):
        return False


def is_path(path: str) -> bool:
    """Whether an entry may name a file here: rule 3, and not in a folder whose files no entry names."""
    return bool(_PATH.fullmatch(path)) and path.split("/", 1)[0] not in _RESERVED


def may_be_named_again(path: str) -> bool:
    """Whether several entries may name a file: a blob has the name of its bytes, and is not read as rows."""
    return path.startswith("blobs/")


def entry_bytes(
    *, number: int, kind: str, at: str, facts: Mapping[str, JSON], files: Sequence[NamedFile], prev: str
) -> bytes:
    """The bytes of an entry; `Entry.from_bytes` checks their form."""
    named: list[JSON] = [{"bytes": f.bytes, "facts": f.facts, "path": f.path, "sha256": f.sha256} for f in files]
    return canonical({"at": at, "facts": facts, "files": named, "kind": kind, "number": number, "prev": prev})


def _object(raw: bytes, keys: set[str], what: str) -> dict[str, Any]:
    try:
        record = json.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no {what}: {error}") from error
    if not isinstance(record, dict) or record.keys() != keys:
        raise ValueError(f"is no {what}: it needs exactly {', '.join(sorted(keys))}")
    return record


def _file(record: object) -> NamedFile:
    if not isinstance(record, dict) or record.keys() != _FILE_KEYS:
        raise ValueError(f"names a file without exactly {', '.join(sorted(_FILE_KEYS))}")
    path, digest, size, facts = record["path"], record["sha256"], record["bytes"], record["facts"]
    if not (isinstance(path, str) and is_path(path)):
        raise ValueError("names a file by a path that a store cannot have")
    if not (isinstance(digest, str) and _SHA256.fullmatch(digest)):
        raise ValueError("names a file by a digest that is none")
    if type(size) is not int or size < 0 or not isinstance(facts, dict):
        raise ValueError("names a file with a size or facts of another form")
    return NamedFile(path, digest, size, facts)


def _refuse_ambiguous(value: object) -> None:
    if value is None or isinstance(value, str | int):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key of an entry is text, not {type(key).__name__}: {key!r}")
            _refuse_ambiguous(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_ambiguous(item)
    else:
        raise TypeError(f"an entry holds no {type(value).__name__}: {value!r}; write it as text or in smaller units")
