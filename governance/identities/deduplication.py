"""What was delivered before: duplicates are dropped and counted, conflicts are kept and marked.

Agents and collectors deliver at least once, so the same record twice is normal. The same identity with *other*
content is not: it is stored as a conflict beside the first, which stays the one that counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from governance.engines.duckdb import Engine, identifier
from governance.identities.indexing import identity_keys
from governance.identities.known_keys import KnownKeys, Met
from governance.identities.repeats import repeats
from governance.identities.side_rows import stored_rows
from governance.tables import (
    ASSESSMENTS,
    ATTEMPTS,
    CANONICAL,
    DECISIONS,
    FEATURES,
    GUARDRAILS,
    PAYLOADS,
    PROVENANCE,
    REQUESTS,
    SIDE_TABLES,
    STANDALONE,
    SUBJECTS,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from governance.batches import Batch
    from governance.storage.store import Snapshot

_BY_REQUEST = (REQUESTS, ATTEMPTS, PAYLOADS, GUARDRAILS)
_BY_DECISION = (DECISIONS, SUBJECTS)
# What makes two rows the same; a span that comes again may bring one more score, and an event another body
_BY_ROW = {ASSESSMENTS.name: ASSESSMENTS.identity, PAYLOADS.name: "payload_id || ':' || sha256"}

# Not part of what a record says: where it was read, what we made of it, and bodies, which a workspace may leave out
_LEFT_OUT = {*(column.name for column in PROVENANCE), "is_conflict", "quality_flags", "cost_computed", "body"}

# Names that no column of a log has by chance: they stand beside the columns of strangers
_UID, _ORIGIN, _NUMBER, _ROW, _IS_REQUEST = (
    identifier(f"\x1f{name}") for name in ("uid", "origin", "number", "row", "is_request")
)


class Fate(StrEnum):
    """What becomes of a record whose identity is known."""

    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Fates:
    """The records of a batch whose identity was met before; those not named are new.

    Attributes:
        requests: Record number -> fate, for the request and the rows that belong to it.
        side: Side table -> numbers of records that are stored already.
        rows: Side table of which a record may bring several rows, some of them new -> places of those stored already.
        keys: The key of each request of the batch, None without requests.
    """

    requests: dict[int, Fate] = field(default_factory=dict)
    side: dict[str, set[int]] = field(default_factory=dict)
    rows: dict[str, set[int]] = field(default_factory=dict)
    keys: npt.NDArray[np.uint64] | None = None


def fates(engine: Engine, snapshot: Snapshot, batch: Batch, known: KnownKeys) -> Fates:
    """What was met before, in the store or earlier in the batch.

    Args:
        engine: Any. No views are attached to it: to make one opens all its files.
        snapshot: What is in the store.
        batch: What was read.
        known: What this run knows of the keys in the store.
    """
    requests = batch.tables.get(REQUESTS.name)
    found = Fates(keys=None if requests is None else identity_keys(requests))
    if found.keys is not None:
        met = _without_completing(batch, known.met(engine, snapshot, found.keys))
        requests_met = _requests(engine, snapshot, batch, met)
        found.requests.update({number: fate for number, fate in requests_met.items() if number not in batch.completes})
        halves = {half.number for half in batch.lone if found.requests.get(half.number) is Fate.CONFLICT}
        again = _halves_again(engine, snapshot, batch, halves, met.days) if halves else set()
        found.requests.update(dict.fromkeys(again, Fate.DUPLICATE))
    alone = () if requests is not None else (ATTEMPTS.name, PAYLOADS.name)  # they came without their requests
    side = [table for table in (*SIDE_TABLES, *STANDALONE, *alone) if table in batch.tables]
    for table in side:
        rows = batch.tables[table]
        stored = stored_rows(engine, snapshot, table, rows)
        if table in _BY_ROW:
            numbered = rows.append_column("place", pa.array(range(rows.num_rows), pa.int64()))
            found.rows[table] = _known(engine, numbered, "place", _BY_ROW[table], stored)
        else:
            duplicates = {number for number, fate in found.requests.items() if fate is Fate.DUPLICATE}
            found.side[table] = _known(engine, rows, "row_no", CANONICAL[table].identity, stored) | duplicates
    return found


def _known(engine: Engine, rows: pa.Table, number: str, identity: str, stored: str | None) -> set[int]:
    """Numbers of the rows that the store or an earlier row of the batch holds: their identity is their content.

    Args:
        engine: Any.
        rows: The rows.
        number: Column of their numbers.
        identity: SQL: what makes two rows the same.
        stored: Relation of the rows of the store, if there are any.
    """
    engine.register("new_rows", rows)
    is_stored = "false" if stored is None else f"same IN (SELECT {identity} FROM {stored})"
    found = engine.rows(
        f"SELECT {number} FROM (SELECT {number}, {identity} AS same, row_number() OVER (PARTITION BY {identity} "
        f"ORDER BY {number}) AS nth FROM new_rows) WHERE nth > 1 OR {is_stored}"
    )
    engine.unregister("new_rows")
    return {row[0] for row in found}


def _halves_again(
    engine: Engine, snapshot: Snapshot, batch: Batch, numbers: set[int], days: Sequence[tuple[str, str]]
) -> set[int]:
    """Of records that are half of something, those that the store holds as part of the whole: same time, same body."""
    requests, bodies = (snapshot.every_row(table, days) for table in (REQUESTS, PAYLOADS))
    if requests is None:
        return set()
    wanted = pa.array(sorted(numbers), pa.int64())
    for name in (REQUESTS.name, PAYLOADS.name):
        rows = batch.tables.get(name, pa.table({"row_no": pa.nulls(0, pa.int64()), "payload_id": [], "sha256": []}))
        engine.register(f"half_{name}", rows.filter(pc.is_in(rows.column("row_no"), value_set=wanted)))
    stored = f"SELECT payload_id, sha256 FROM ({bodies})" if bodies else "SELECT '', '' WHERE false"
    found = engine.rows(
        f"SELECT h.row_no FROM half_requests h JOIN ({requests}) r USING (request_uid) WHERE NOT r.is_conflict "
        "AND h.start_ts IN (r.start_ts, r.end_ts) AND h.row_no NOT IN "
        f"(SELECT row_no FROM half_payloads WHERE (payload_id, sha256) NOT IN ({stored}))"
    )
    return {row[0] for row in found}


def _without_completing(batch: Batch, met: Met) -> Met:
    """The requests that were met, without those that are known to complete a stored row and come once."""
    if not batch.completes:
        return met
    requests = batch.tables[REQUESTS.name].select(["request_uid", "row_no"]).take(pa.array(met.places))
    counted = pc.value_counts(requests.column("request_uid"))
    once = counted.field("values").filter(pc.equal(counted.field("counts"), 1))
    is_alone = pc.is_in(requests.column("request_uid"), value_set=once)
    is_completing = pc.is_in(requests.column("row_no"), value_set=pa.array(sorted(batch.completes), pa.int64()))
    left = pc.invert(pc.and_(is_alone, is_completing)).to_numpy()
    return met._replace(places=met.places[left])


def _requests(engine: Engine, snapshot: Snapshot, batch: Batch, met: Met) -> dict[int, Fate]:
    if not len(met.places):
        return {}
    found: dict[int, Fate] = {}
    places = met.places
    if not met.days:  # of whatever was met, the store holds nothing
        same = repeats([rows for _, rows, _ in _rows_of_requests(batch)], places, _LEFT_OUT)
        found, places = dict.fromkeys(same.numbers.tolist(), Fate.DUPLICATE), same.left
    return found | (_told_apart(engine, snapshot, batch, places, met.days) if len(places) else {})


def _told_apart(
    engine: Engine, snapshot: Snapshot, batch: Batch, places: npt.NDArray[np.int64], days: Sequence[tuple[str, str]]
) -> dict[int, Fate]:
    """What becomes of the records at some places, by what all records of their requests say."""
    uids = batch.tables[REQUESTS.name].column("request_uid").take(pa.array(places)).unique()
    engine.register("met", pa.table({"request_uid": uids}))
    prints = " UNION ALL ".join([*_new(engine, batch, uids), *_stored(snapshot, days)])
    rows = engine.rows(
        f"SELECT {_UID}, {_NUMBER}, md5(string_agg(line, chr(31) ORDER BY line)) FROM ({prints}) "
        f"GROUP BY {_UID}, {_ORIGIN}, {_NUMBER} HAVING bool_or({_IS_REQUEST}) ORDER BY {_UID}, {_NUMBER}"
    )
    found: dict[int, Fate] = {}
    seen: dict[str, set[str]] = {}
    for uid, number, fingerprint in rows:
        known = seen.setdefault(uid, set())
        if number and known:
            found[number] = Fate.DUPLICATE if fingerprint in known else Fate.CONFLICT
        known.add(fingerprint)
    return found


def _new(engine: Engine, batch: Batch, met: pa.Array) -> list[str]:
    """Lines of the records of the batch that were met, numbered from 1."""
    tables = _rows_of_requests(batch)
    for name, rows, of_decision in tables:
        engine.register(f"new_{name}", _of(met, rows, of_decision=of_decision))
    return [
        _lines(f"new_{name}", rows.column_names, name, of_decision=of_decision, is_new=True)
        for name, rows, of_decision in tables
    ]


def _rows_of_requests(batch: Batch) -> list[tuple[str, pa.Table, bool]]:
    """The rows that belong to the requests of a batch, those first; each with a name, and whether of a decision."""
    tables = [
        (table.name, batch.tables[table.name], table in _BY_DECISION)
        for table in (*_BY_REQUEST, *_BY_DECISION)
        if table.name in batch.tables
    ]
    tables += [(f"features_{place}", inputs.rows, True) for place, inputs in enumerate(batch.features)]
    return tables


def _of(met: pa.Array, rows: pa.Table, *, of_decision: bool) -> pa.Table:
    """The rows of some requests: few of them, so that the engine need not turn all columns of the others over."""
    if of_decision:
        uids = pc.replace_substring_regex(rows.column("decision_id"), pattern=r"#\d+$", replacement="")
    else:
        uids = rows.column("request_uid")
    return rows.take(pc.indices_nonzero(pc.is_in(uids, value_set=met)))


def _stored(snapshot: Snapshot, days: Sequence[tuple[str, str]]) -> list[str]:
    """Lines of the records of the store on some days, conflicts among them; their number is 0."""
    tables = [(table, snapshot.every_row(table, days)) for table in (*_BY_REQUEST, *_BY_DECISION)]
    tables += [(FEATURES, snapshot.every_row(FEATURES, days, model)) for model in snapshot.models()]
    return [
        _lines(f"({stored})", table.names, table.name, of_decision=table not in _BY_REQUEST, is_new=False)
        for table, stored in tables
        if stored
    ]


def _lines(relation: str, names: tuple[str, ...] | list[str], table: str, *, of_decision: bool, is_new: bool) -> str:
    """SELECT of one line for each row of a request that was met: its content as JSON, and whether it is the request's.

    Nulls are left out, so that a column which only another file has does not tell two rows apart.
    """
    uid = "regexp_replace(decision_id, '#\\d+$', '')" if of_decision else "request_uid"
    origin, number = ("''", "row_no") if is_new else ("file_sha256 || ':' || row_no", "CAST(0 AS BIGINT)")
    left_out = ", ".join(name for name in names if name in _LEFT_OUT)
    inner = (
        f"SELECT {uid} AS {_UID}, {origin} AS {_ORIGIN}, {number} AS {_NUMBER}, * EXCLUDE ({left_out}) FROM {relation} "
        f"WHERE {uid} IN (SELECT request_uid FROM met)"
    )
    own = f"* EXCLUDE ({_UID}, {_ORIGIN}, {_NUMBER})"
    line = f"regexp_replace(to_json({_ROW})::VARCHAR, '\"[^\"]*\":null,?', '', 'g')"
    given = f"{_UID}, {_ORIGIN}, {_NUMBER}, {table == REQUESTS.name} AS {_IS_REQUEST}, {line} AS line"
    return f"SELECT {given} FROM ({inner}) r, LATERAL (SELECT r.{own}) AS {_ROW}"
