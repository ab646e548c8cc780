"""Requests of which an event among the logs tells, before or after the record of the request itself.

1. An event is a request of its own, flagged, as long as nothing else has told of that request: its tokens count.
2. The record of the request completes it: what the event alone knows (states of bodies, counts, names) is taken over,
   and the row of the event counts no longer.
3. An event that comes with that record, or after it, has no row of its own: its bodies belong to the request.
4. A body that both bring is stored once, under the one that came first.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from governance.engines.duckdb import Engine
from governance.halves import Waiting
from governance.identities.indexing import identity_keys
from governance.identities.known_keys import KnownKeys
from governance.identities.side_rows import stored_rows
from governance.storage.segments import COMPLETED, STATES, read
from governance.tables import PAYLOADS, REQUESTS, SPAN_MISSING

if TYPE_CHECKING:
    from governance.batches import Batch
    from governance.storage.store import Snapshot

# What a request may say by its event alone; times, status and ids of the span are those of its own record
_TAKEN_OVER = (
    *("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"),
    *("model_requested", "model_served", "provider", "response_id", "session_id", "parameters", "finish_reasons"),
)
_SAME = "payload_id || ':' || sha256"
_IS_EVENT = f"list_contains(quality_flags, '{SPAN_MISSING}')"


def settled(engine: Engine, snapshot: Snapshot, batch: Batch, known: KnownKeys) -> Batch:
    """The batch with each event and the record of its request brought together; the same one where there are none.

    Args:
        engine: Any.
        snapshot: The store.
        batch: What was read.
        known: What the run knows of the keys in the store.
    """
    requests = batch.tables.get(REQUESTS.name)
    stored_events = any(segment.provisional for segment in snapshot.segments.get(REQUESTS.name, []))
    if requests is None or not (stored_events or has_events(requests)):
        return batch
    place = pa.array(range(requests.num_rows), pa.int64())
    engine.register("new_requests", requests.append_column("place", place))
    _make_stored(engine, snapshot, requests, known)
    is_concerned = has_events(requests) or bool(engine.value("SELECT bool_or(is_event) FROM stored_requests"))
    found = _settled(engine, snapshot, batch) if is_concerned else batch
    engine.execute("DROP TABLE stored_requests")
    engine.unregister("new_requests")
    return found


def _settled(engine: Engine, snapshot: Snapshot, batch: Batch) -> Batch:
    requests = batch.tables[REQUESTS.name]
    alone = _events_of_known_requests(engine)
    completes = _completed(engine)
    filled = _filled(engine).select(requests.column_names).cast(requests.schema)
    tables = batch.tables | {REQUESTS.name: filled.filter(_is_not_in(filled, alone))}
    if PAYLOADS.name in tables:
        tables[PAYLOADS.name] = _bodies_once(engine, snapshot, tables[PAYLOADS.name], alone)
    tables = {name: rows for name, rows in tables.items() if rows.num_rows}
    return replace(batch, tables=tables, completes=batch.completes | completes, alone=batch.alone | alone)


def has_events(requests: pa.Table) -> bool:
    """Whether some of the requests are told by an event alone."""
    flags = requests.column("quality_flags").combine_chunks()
    return bool(pc.any(pc.equal(pc.list_flatten(flags), SPAN_MISSING)).as_py())


def _make_stored(engine: Engine, snapshot: Snapshot, requests: pa.Table, known: KnownKeys) -> None:
    """A table of the stored rows of the requests that were met; `is_completed` are those that count no longer."""
    met = known.met(engine, snapshot, identity_keys(requests))
    rows = snapshot.every_row(REQUESTS, met.days) if met.days else None
    done = snapshot.segments.get(COMPLETED)
    columns = ", ".join(requests.column_names)
    relation = f"SELECT {columns} FROM new_requests WHERE false" if rows is None else f"SELECT {columns} FROM ({rows})"
    completed = "SELECT '' AS file_sha256, 0 AS row_no WHERE false"
    if done:
        completed = f"SELECT file_sha256, row_no FROM {read(done, f'{snapshot.root}{os.sep}')}"
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE stored_requests AS SELECT r.*, {_IS_EVENT} AS is_event, "
        f"(r.file_sha256, r.row_no) IN ({completed}) AS is_completed FROM ({relation}) r "
        "WHERE NOT is_conflict AND request_uid IN (SELECT request_uid FROM new_requests)"
    )


def _events_of_known_requests(engine: Engine) -> set[int]:
    """Numbers of the new events whose request has a record of its own."""
    rows = engine.rows(
        f"SELECT row_no FROM new_requests WHERE {_IS_EVENT} AND request_uid IN "
        "(SELECT request_uid FROM stored_requests WHERE NOT is_event UNION ALL "
        f"SELECT request_uid FROM new_requests WHERE NOT {_IS_EVENT})"
    )
    return {row[0] for row in rows}


def _completed(engine: Engine) -> dict[int, Waiting]:
    """Number of a new record -> the stored event that tells of the same request, and counts until now."""
    rows = engine.rows(
        "SELECT min(n.row_no), s.file_sha256, s.row_no FROM stored_requests s JOIN new_requests n USING (request_uid) "
        f"WHERE s.is_event AND NOT s.is_completed AND NOT list_contains(n.quality_flags, '{SPAN_MISSING}') "
        "GROUP BY s.file_sha256, s.row_no"
    )
    return {number: Waiting("", file, row_no) for number, file, row_no in rows}


def _filled(engine: Engine) -> pa.Table:
    """The new requests, with what stored events know besides; those of the batch may come again without the record."""
    taken = [f"coalesce(n.{name}, t.{name}) AS {name}" for name in _TAKEN_OVER]
    taken += [
        f"CASE n.{name} WHEN 'absent' THEN coalesce(t.{name}, n.{name}) ELSE n.{name} END AS {name}"
        for name in STATES.values()
    ]
    first = "QUALIFY row_number() OVER (PARTITION BY request_uid ORDER BY file_sha256, row_no) = 1"
    return engine.arrow(
        f"SELECT n.* REPLACE ({', '.join(taken)}) FROM new_requests n "
        f"LEFT JOIN (SELECT * FROM stored_requests WHERE is_event {first}) t "
        f"ON t.request_uid = n.request_uid AND NOT list_contains(n.quality_flags, '{SPAN_MISSING}') ORDER BY n.place"
    )


def _bodies_once(engine: Engine, snapshot: Snapshot, bodies: pa.Table, alone: set[int]) -> pa.Table:
    """The bodies without those of a record that its event has brought before, and of events that the record brings."""
    place = pa.array(range(bodies.num_rows), pa.int64())
    is_alone = pc.is_in(bodies.column("row_no"), value_set=pa.array(sorted(alone), pa.int64()))
    engine.register("new_bodies", bodies.append_column("place", place).append_column("is_alone", is_alone))
    of_events = "SELECT file_sha256, row_no FROM stored_requests WHERE is_event"
    relation = stored_rows(engine, snapshot, PAYLOADS.name, bodies)
    stored = "SELECT '' AS same, false AS is_of_event WHERE false"
    if relation:
        stored = f"SELECT {_SAME} AS same, (file_sha256, row_no) IN ({of_events}) AS is_of_event FROM {relation}"
    rows = engine.rows(
        f"WITH stored AS ({stored}), new AS (SELECT place, row_no, is_alone, {_SAME} AS same FROM new_bodies) "
        "SELECT place FROM new WHERE is_alone AND (same IN (SELECT same FROM stored) "
        "OR same IN (SELECT same FROM new WHERE NOT is_alone)) "
        "UNION ALL SELECT place FROM new WHERE NOT is_alone AND same IN (SELECT same FROM stored WHERE is_of_event) "
        f"AND row_no NOT IN (SELECT row_no FROM new_requests WHERE {_IS_EVENT}) "
        "UNION ALL SELECT place FROM (SELECT place, row_number() OVER (PARTITION BY same ORDER BY place) AS nth "
        "FROM new WHERE is_alone) WHERE nth > 1"
    )
    engine.unregister("new_bodies")
    return bodies.filter(pc.invert(pc.is_in(place, value_set=pa.array(sorted({row[0] for row in rows}), pa.int64()))))


def _is_not_in(rows: pa.Table, numbers: set[int]) -> Any:
    return pc.invert(pc.is_in(rows.column("row_no"), value_set=pa.array(sorted(numbers), pa.int64())))
