"""Casefile: every stored row about one request, read from files whose digests were checked on the way.

Only what the request's days can hold is opened, so that a look-up costs the same in a small store and a large one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from governance.engines.duckdb import Engine, file_list, literal
from governance.errors import GovernanceError, LedgerError, NotFoundError
from governance.store import INDEX, Lookup, Segment, Snapshot, find
from governance.tables import CANONICAL, SIDE_TABLES

Row = dict[str, Any]
_BY_REQUEST = ("requests", "decisions", "attempts", "payloads", "guardrails")
_BY_DECISION = ("subjects", "features", "attributions")


@dataclass(frozen=True, slots=True)
class Casefile:
    """What the store holds about one request.

    Attributes:
        request: Its row.
        decisions: Its decided items, in order.
        rows: Table -> rows that belong to it, for the other tables; the rows of wide tables hold their extra columns.
        files: The files that were read, with the number of the ledger entry that names each.
    """

    request: Row
    decisions: list[Row]
    rows: dict[str, list[Row]]
    files: dict[str, Segment] = field(default_factory=dict)

    def of_decision(self, table: str, decision_id: str) -> list[Row]:
        """The rows of a table that belong to one decision, or to its request as a whole."""
        return [row for row in self.rows.get(table, []) if row.get("decision_id") in (decision_id, None)]


def open_casefile(snapshot: Snapshot, engine: Engine, wanted: str) -> Casefile:
    """The casefile of the one request that an id names.

    Raises:
        NotFoundError: No request, or a hint at the nearest id.
        GovernanceError: The id names several requests; says which.
        LedgerError: A file that was read is not the one that the ledger names.
    """
    found = _one(snapshot, engine, wanted)
    files: dict[str, Segment] = {}
    rows: dict[str, list[Row]] = {}
    for table in (*_BY_REQUEST, *SIDE_TABLES, *_BY_DECISION):
        rows[table] = _rows(snapshot, engine, table, found, files)
    _check_digests(snapshot, files.values())
    own = [row for row in rows.pop("requests") if not row["is_conflict"]]
    if not own:
        raise LedgerError(
            "the index names a request that its file does not hold", where=wanted, hint="run `governance verify`"
        )
    decisions = sorted(
        (row for row in rows.pop("decisions") if not row["is_conflict"]), key=lambda row: row["item_index"]
    )
    return Casefile(own[0], decisions, rows, files)


def _one(snapshot: Snapshot, engine: Engine, wanted: str) -> Lookup:
    found = {lookup.request_uid: lookup for lookup in find(snapshot, engine, wanted)}
    if not found:
        raise NotFoundError("no request has this id", where=wanted, hint=_nearest(snapshot, engine, wanted))
    if len(found) > 1:
        listed = ", ".join(sorted(found)[:10]) + (f" and {len(found) - 10} more" if len(found) > 10 else "")  # noqa: PLR2004
        raise GovernanceError(f"the id names {len(found)} requests: {listed}", where=wanted, hint="give one of these")
    return next(iter(found.values()))


def _nearest(snapshot: Snapshot, engine: Engine, wanted: str) -> str:
    paths = [f"{snapshot.root}{os.sep}{segment.path}" for segment in snapshot.segments.get(INDEX, [])]
    if not paths:
        return "the store is empty: `governance ingest` reads logs into it"
    rows = engine.rows(
        f"SELECT id FROM read_parquet({file_list(paths)}) WHERE jaro_winkler_similarity(id, $id) > 0.9 "
        "ORDER BY jaro_winkler_similarity(id, $id) DESC LIMIT 1",
        {"id": wanted},
    )
    return f"did you mean '{rows[0][0]}'?" if rows else "any request, client, response, trace or decision id will do"


def _rows(snapshot: Snapshot, engine: Engine, table: str, found: Lookup, files: dict[str, Segment]) -> list[Row]:
    segments = [segment for segment in snapshot.segments.get(table, []) if _may_hold(table, segment, found)]
    if not segments:
        return []
    by_path = {f"{snapshot.root}{os.sep}{segment.path}": segment for segment in segments}
    read = f"read_parquet({file_list(list(by_path))}, union_by_name = true, hive_partitioning = false, filename = true)"
    where, selected = _condition(table), "*"
    if table in SIDE_TABLES:
        selected = "* REPLACE ($uid AS request_uid)"
    rows = engine.records(
        f"SELECT {selected} FROM {read} WHERE {where} ORDER BY {CANONICAL[table].time}", _bound(found)
    )
    for row in rows:
        path = row.pop("filename")
        files[path] = by_path[path]
        if table in SIDE_TABLES and row["decision_id"] is None and "#" not in row["target_id"]:
            row["decision_id"] = f"{found.request_uid}#0"
    if table in _BY_REQUEST[:2]:
        files |= by_path  # the day's file is proof also where it holds no decision
    return rows


def _may_hold(table: str, segment: Segment, found: Lookup) -> bool:
    if table in SIDE_TABLES or segment.day is None:
        return True
    return found.day <= segment.day <= found.last_day


def _condition(table: str) -> str:
    if table in SIDE_TABLES:  # a row that came before its request names it by one of its ids
        return "request_uid = $uid OR (request_uid IS NULL AND target_id IN ($uid, $native))"
    if table in _BY_REQUEST:
        return "request_uid = $uid"
    return "starts_with(decision_id, $uid || '#')"


def _bound(found: Lookup) -> dict[str, Any]:
    return {"uid": found.request_uid, "native": found.request_uid.split(":", 1)[1]}


def _check_digests(snapshot: Snapshot, segments: Iterable[Segment]) -> None:
    for segment in segments:
        path = snapshot.path(segment)
        if _sha256(path) != segment.sha256:
            raise LedgerError(
                "the file is not the one that the ledger names", where=segment.path, hint="run `governance verify`"
            )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LedgerError(f"the file cannot be read ({error.strerror})", where=str(path)) from error


def latest_findings(snapshot: Snapshot, engine: Engine, moment: str) -> list[Row]:
    """The findings whose window holds a moment: of each policy version and check, those of the newest run.

    Args:
        snapshot: The store.
        engine: Any engine.
        moment: ISO time in UTC.
    """
    segments = snapshot.segments.get("findings", [])
    if not segments:
        return []
    paths = file_list([f"{snapshot.root}{os.sep}{segment.path}" for segment in segments])
    at = f"CAST({literal(moment)} AS TIMESTAMPTZ)"
    return engine.records(
        f"SELECT * FROM read_parquet({paths}) WHERE window_start <= {at} AND {at} < window_end "
        "QUALIFY assessed_ts = max(assessed_ts) OVER (PARTITION BY policy, version, check_id) ORDER BY policy, check_id"
    )
