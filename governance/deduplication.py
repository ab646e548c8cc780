"""What was delivered before: duplicates are dropped and counted, conflicts are kept and marked.

Agents and collectors deliver at least once, so the same record twice is normal. The same identity with *other*
content is not: it is stored as a conflict beside the first, which stays the one that counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from governance.engines.duckdb import Engine, identifier
from governance.tables import CANONICAL, DECISIONS, REQUESTS, SIDE_TABLES, SUBJECTS

if TYPE_CHECKING:
    from governance.batches import Batch
    from governance.store import Snapshot

_PROVENANCE = "file_sha256, row_no, is_conflict"


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
    """

    requests: dict[int, Fate] = field(default_factory=dict)
    side: dict[str, set[int]] = field(default_factory=dict)


def fates(engine: Engine, snapshot: Snapshot, batch: Batch) -> Fates:
    """What was met before, in the store or earlier in the batch.

    Args:
        engine: With the snapshot's views attached.
        snapshot: What is in the store.
        batch: What was read.
    """
    found = Fates()
    for table, rows in batch.tables.items():
        engine.register(f"new_{table}", rows)
    for model, rows in batch.features.items():
        engine.register(f"new_features:{model}", rows)
    if REQUESTS.name in batch.tables:
        found.requests.update(_requests(engine, snapshot, batch))
    for table in SIDE_TABLES:
        if table in batch.tables:
            found.side[table] = _known(engine, table)
    return found


def _known(engine: Engine, table: str) -> set[int]:
    """Numbers of side records that the store or an earlier line of the batch holds: their identity is their content."""
    identity = CANONICAL[table].identity
    rows = engine.rows(
        f"SELECT row_no FROM (SELECT row_no, {identity}, row_number() OVER (PARTITION BY {identity} ORDER BY row_no) AS nth "
        f"FROM new_{table}) WHERE nth > 1 OR {identity} IN (SELECT {identity} FROM {table})"
    )
    return {row[0] for row in rows}


def _requests(engine: Engine, snapshot: Snapshot, batch: Batch) -> dict[int, Fate]:
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE met AS "
        "SELECT request_uid FROM new_requests GROUP BY ALL HAVING count(*) > 1 "
        "UNION SELECT request_uid FROM new_requests SEMI JOIN requests USING (request_uid)"
    )
    if not engine.value("SELECT count(*) FROM met"):
        return {}
    new = _fingerprints(engine, "new_", [f"new_features:{model}" for model in batch.features], "row_no")
    old = _fingerprints(engine, "", [f"features:{model}" for model in snapshot.models()], "0::BIGINT")
    rows = engine.rows(f"SELECT request_uid, row_no, print FROM ({new} UNION ALL {old}) ORDER BY request_uid, row_no")
    found: dict[int, Fate] = {}
    seen: dict[str, set[str]] = {}
    for uid, number, fingerprint in rows:
        known = seen.setdefault(uid, set())
        if number and known:
            found[number] = Fate.DUPLICATE if fingerprint in known else Fate.CONFLICT
        known.add(fingerprint)
    return found


def _fingerprints(engine: Engine, prefix: str, features: list[str], number: str) -> str:
    """SELECT of request_uid, record number and digest of content for every request that was met before.

    Rows are compared as JSON without nulls, so that a column which only another file has does not tell them apart.
    """
    parts = []
    uid_of_decision = "regexp_replace(decision_id, '#\\d+$', '')"
    if prefix == "" or _exists(engine, "new_requests"):
        parts.append(_prints(f"{prefix}requests", "request_uid", f"{_PROVENANCE}, quality_flags", number))
    for table in (DECISIONS.name, SUBJECTS.name):
        if prefix == "" or _exists(engine, f"new_{table}"):
            parts.append(_prints(f"{prefix}{table}", uid_of_decision, _PROVENANCE, number))
    parts += [_prints(identifier(name), uid_of_decision, _PROVENANCE, number) for name in features]
    lines = " UNION ALL ".join(parts)
    return (
        f"SELECT request_uid, row_no, md5(string_agg(line, chr(31) ORDER BY line)) AS print FROM ({lines}) "
        "GROUP BY request_uid, row_no"
    )


def _prints(relation: str, uid: str, left_out: str, number: str) -> str:
    line = "regexp_replace(to_json(t)::VARCHAR, '\"[^\"]*\":null,?', '', 'g')"
    return (
        f"SELECT r.uid AS request_uid, r.n AS row_no, {line} AS line FROM "
        f"(SELECT {uid} AS uid, {number} AS n, * EXCLUDE ({left_out}) FROM {relation}) r, "
        f"LATERAL (SELECT r.* EXCLUDE (uid, n)) t SEMI JOIN met ON met.request_uid = r.uid"
    )


def _exists(engine: Engine, relation: str) -> bool:
    return bool(engine.value("SELECT count(*) FROM duckdb_views() WHERE view_name = $name", {"name": relation}))
