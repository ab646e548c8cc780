"""Rows that come without their requests: which of them are stored, and which request each belongs to.

Both are asked of the index first, which says on which days to look, so that a few rows cost little in a large store.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from governance.engines.duckdb import Engine
from governance.identities.keys import keys_of
from governance.identities.known_keys import days_of
from governance.storage.segments import INDEX, SIDE_INDEX, Segment, identities, read, resolved
from governance.tables import CANONICAL, REQUESTS, SIDE_TABLES

if TYPE_CHECKING:
    from governance.storage.store import Snapshot

_ITEM = "#[0-9]+$"  # position of a decision behind an id


def stored_rows(engine: Engine, snapshot: Snapshot, table: str, rows: pa.Table) -> str | None:
    """The relation of stored rows of which some may be the same as new ones; None where there are none.

    Args:
        engine: Any.
        snapshot: The store.
        table: Their table; rows of one that is neither a side table nor belongs to requests may lie anywhere.
        rows: The new rows.
    """
    segments = snapshot.segments.get(table, [])
    if table in SIDE_TABLES and segments:
        days = _days_of_identities(engine, snapshot, table, rows)
        segments = [one for one in segments if not one.identified or any(one.is_within(day, day) for day in days)]
    elif CANONICAL[table].column("request_uid") is not None and segments:
        spans = _days_of_requests(engine, snapshot, rows.column("request_uid"))
        segments = [one for one in segments if one.batches is None or any(one.is_within(*span) for span in spans)]
    if not segments:
        return None
    counting = " WHERE NOT is_conflict" if CANONICAL[table].column("is_conflict") else ""
    return f"(SELECT * FROM {read(segments, f'{snapshot.root}{os.sep}')}{counting})"


def resolve(engine: Engine, snapshot: Snapshot, rows: pa.Table) -> pa.Table:
    """Side rows with the request that they belong to, where it has arrived.

    Args:
        engine: Any.
        snapshot: The store.
        rows: Rows of a side table.
    """
    waiting = rows.column("target_id").cast(pa.string()).filter(rows.column("request_uid").is_null())
    if not len(waiting):
        return rows
    bare = pc.replace_substring_regex(waiting, pattern=_ITEM, replacement="")
    targets = pa.chunked_array([*waiting.chunks, *bare.chunks], pa.string()).unique()
    spans = _days_of_requests(engine, snapshot, targets)
    requests = [one for one in snapshot.segments.get(REQUESTS.name, []) if any(one.is_within(*span) for span in spans)]
    engine.register("wanted_ids", pa.table({"id": targets}))
    engine.execute(f"CREATE OR REPLACE VIEW identities AS {_wanted(requests, f'{snapshot.root}{os.sep}')}")
    engine.register("side_rows", rows)
    found = engine.arrow(resolved("side_rows"))
    for name in ("side_rows", "wanted_ids"):
        engine.unregister(name)
    return found.cast(rows.schema)


def _wanted(requests: list[Segment], prefix: str) -> str:
    return identities(requests, prefix, "id IN (SELECT id FROM wanted_ids)")


def _days_of_requests(engine: Engine, snapshot: Snapshot, ids: pa.ChunkedArray) -> list[tuple[str, str]]:
    """First and last day of what belongs to the requests that ids may name.

    A `request_uid` stands in the index as what is behind its source, or as a whole.
    """
    texts = ids.cast(pa.string()).unique()
    native = pc.replace_substring_regex(texts, pattern="^[^:]*:", replacement="")
    keys = np.unique(np.concatenate([keys_of(texts), keys_of(native)]))
    return days_of(engine, snapshot, snapshot.segments.get(INDEX, []), keys)


def _days_of_identities(engine: Engine, snapshot: Snapshot, table: str, rows: pa.Table) -> list[str]:
    """The days of stored rows of a side table with the identities of new ones."""
    index: list[Segment] = [segment for segment in snapshot.segments.get(SIDE_INDEX, []) if segment.identified]
    if not index:
        return []
    keys = np.unique(keys_of(rows.column(CANONICAL[table].identity).cast(pa.string()).combine_chunks()))
    engine.register("new_identities", pa.table({"identity": keys}))
    found = engine.rows(
        f"SELECT DISTINCT CAST(day AS VARCHAR) FROM {read(index, f'{snapshot.root}{os.sep}')} "
        'SEMI JOIN new_identities USING (identity) WHERE "table" = $table',
        {"table": table},
    )
    engine.unregister("new_identities")
    return sorted(row[0] for row in found)
