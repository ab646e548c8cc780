"""Records in quarantine: those that nothing has released, found by id, file or reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from governance.engines.duckdb import Engine
from governance.errors import NotFoundError
from governance.storage.store import Snapshot
from governance.tables import QUARANTINE

_HINT = "`governance quarantine list` prints them"
_DIGEST = 64  # characters of the digest with which an id begins
_SHORT = 12  # of them that are shown
_LEAST = 6  # characters of a digest that may name a file


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records in quarantine are meant; all of them if nothing is said.

    Attributes:
        ids: As `short_id` or the store writes them.
        file: Name of a file, with or without its folders, or the first characters of its digest.
        reason: Reason for which they could not be read.
    """

    ids: Sequence[str] = ()
    file: str | None = None
    reason: str | None = None


def short_id(quarantine_id: str) -> str:
    """An id as people type it: the first characters of the digest, batch and place."""
    return quarantine_id[:_SHORT] + quarantine_id[_DIGEST:]


def quarantined(snapshot: Snapshot, engine: Engine, selection: Selection) -> list[dict[str, Any]]:
    """The selected records as they were met, without their bytes (`bytes` says how many there are).

    Args:
        snapshot: Of the store; its view is made in the engine.
        engine: Where.
        selection: Which.

    Raises:
        NotFoundError: An id or a file names none, or an id several.
    """
    snapshot.attach(engine, [QUARANTINE.name])
    rows = engine.records(
        "SELECT * EXCLUDE (raw), octet_length(raw) AS bytes FROM quarantine "
        f"WHERE {'reason = $reason' if selection.reason else 'true'} ORDER BY ingested_ts, file, line, quarantine_id",
        {"reason": selection.reason},
    )
    if selection.file is not None:
        rows = [row for row in rows if _is_of(row, selection.file)]
        if not rows:
            raise NotFoundError("no record in quarantine is of this file", where=selection.file, hint=_HINT)
    if not selection.ids:
        return rows
    named = dict.fromkeys(_named(rows, wanted) for wanted in selection.ids)
    return [row for row in rows if row["quarantine_id"] in named]


def raw_of(engine: Engine, ids: Sequence[str]) -> dict[str, bytes]:
    """Id -> bytes of records in quarantine; the view must be attached."""
    import pyarrow as pa  # noqa: PLC0415 - `list` does without

    engine.register("wanted", pa.table({"quarantine_id": pa.array(ids, pa.string())}))
    rows = engine.rows("SELECT quarantine_id, raw FROM quarantine SEMI JOIN wanted USING (quarantine_id)")
    engine.unregister("wanted")
    return {row[0]: row[1] or b"" for row in rows}


def _is_of(row: dict[str, Any], file: str) -> bool:
    name = str(row["file"])
    is_digest = len(file) >= _LEAST and str(row["file_sha256"]).startswith(file.lower())
    return is_digest or file in (name, PurePath(name).name)


def _named(rows: Sequence[dict[str, Any]], wanted: str) -> str:
    head, _, rest = wanted.partition(":")
    found = [
        row["quarantine_id"]
        for row in rows
        if row["quarantine_id"].startswith(head) and (not rest or row["quarantine_id"].endswith(f":{rest}"))
    ]
    if len(found) != 1:
        what = "several records have this id" if found else "no record in quarantine has this id"
        raise NotFoundError(what, where=wanted, hint=_HINT)
    return str(found[0])
