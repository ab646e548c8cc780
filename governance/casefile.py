"""Casefile: every stored row about one request, read from files whose digests were checked on the way.

Only what the request's days can hold is opened, so that a look-up costs the same in a small store and a large one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from governance.engines.duckdb import Engine, EngineError, file_list, literal
from governance.errors import GovernanceError, LedgerError, NotFoundError
from governance.keys import key_of
from governance.segments import INDEX, Segment, read
from governance.store import Snapshot
from governance.tables import CANONICAL, SIDE_TABLES

Row = dict[str, Any]
_BY_REQUEST = ("requests", "decisions", "attempts", "payloads", "guardrails")
_BY_DECISION = ("subjects", "features", "attributions")
_IDS = ("request_uid", "request_id", "client_request_id", "response_id", "trace_id")
_LISTED = 10  # ids in the error of an ambiguous one


@dataclass(frozen=True, slots=True)
class Casefile:
    """What the store holds about one request.

    Attributes:
        request: Its row.
        decisions: Its decided items, in order.
        rows: Table -> rows that belong to it, for the other tables; the rows of wide tables hold their extra columns.
        files: Path in the store -> file that was read.
        conflicts: How many deliveries with other content are kept beside it.
    """

    request: Row
    decisions: list[Row]
    rows: dict[str, list[Row]]
    files: dict[str, Segment] = field(default_factory=dict)
    conflicts: int = 0

    def of_decision(self, table: str, decision_id: str) -> list[Row]:
        """The rows of a table that belong to one decision, or to its request as a whole."""
        return [row for row in self.rows.get(table, []) if row.get("decision_id") in (decision_id, None)]


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where a request lies, and the first and last day of what belongs to it."""

    request_uid: str
    day: str
    last_day: str


def open_casefile(snapshot: Snapshot, engine: Engine, wanted: str) -> Casefile:
    """The casefile of the one request that an id names.

    Raises:
        NotFoundError: No request, or a hint at the nearest id.
        GovernanceError: The id names several requests; says which.
        LedgerError: A file that was read is not the one that the ledger names.
    """
    found = _one(snapshot, engine, wanted)
    files: dict[str, Segment] = {}
    rows = {"requests": _rows(snapshot, engine, "requests", found, (), files)}
    ids = _own_ids(snapshot, engine, rows["requests"])
    for table in (*_BY_REQUEST[1:], *SIDE_TABLES, *_BY_DECISION):
        rows[table] = _rows(snapshot, engine, table, found, ids, files)
    _check_digests(snapshot, files.values())
    conflicts = sum(1 for row in rows["requests"] if row["is_conflict"])
    rows = {table: [row for row in own if not row.get("is_conflict")] for table, own in rows.items()}
    own = rows.pop("requests")
    if not own or not {wanted, wanted.rpartition("#")[0]} & {own[0][name] for name in _IDS}:
        raise LedgerError(
            "the index names a request that its file does not hold", where=wanted, hint="run `governance verify`"
        )
    decisions = sorted(rows.pop("decisions"), key=lambda row: row["item_index"])
    return Casefile(own[0], decisions, rows, files, conflicts)


def _one(snapshot: Snapshot, engine: Engine, wanted: str) -> Lookup:
    found = find(snapshot, engine, wanted)
    if not found:
        raise NotFoundError("no request has this id", where=wanted, hint=_nearest(snapshot, engine, wanted))
    if len(found) > 1:
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        listed = ", ".join(lookup.request_uid for lookup in found[:_LISTED]) + more
        raise GovernanceError(f"the id names {len(found)} requests: {listed}", where=wanted, hint="give one of these")
    return found[0]


def find(snapshot: Snapshot, engine: Engine, wanted: str) -> list[Lookup]:
    """The requests that an id names: a request, client, response or trace id, or a `request_uid` with or without item.

    What the whole text names comes before what it names without `#` and a number at its end.
    """
    bare, mark, item = wanted.rpartition("#")
    for text in (wanted, bare) if mark and item.isascii() and item.isdigit() else (wanted,):
        found = _named(snapshot, engine, [text])[text]
        if found:
            return found
    _check_digests(snapshot, snapshot.segments.get(INDEX, []))  # who hides a request may have changed the index alone
    return []


def _named(snapshot: Snapshot, engine: Engine, texts: Sequence[str]) -> dict[str, list[Lookup]]:
    """Text -> the requests that it names, in order of their `request_uid`."""
    days = _indexed(snapshot, engine, texts)
    found: dict[str, dict[str, Lookup]] = {text: {} for text in texts}
    for row in _candidates(snapshot, engine, days):
        day, last_day = days[row["row_no"]]
        uid = row["request_uid"]
        for text in texts:
            if text in (row[name] for name in _IDS):
                before = found[text].get(uid, Lookup(uid, day, last_day))
                found[text][uid] = Lookup(uid, min(day, before.day), max(last_day, before.last_day))
    return {text: [own[uid] for uid in sorted(own)] for text, own in found.items()}


def _indexed(snapshot: Snapshot, engine: Engine, texts: Sequence[str]) -> dict[int, tuple[str, str]]:
    """Number of each record that may be named -> first and last day of what belongs to it."""
    segments = snapshot.segments.get(INDEX, [])
    if not segments:
        return {}
    # The index holds the native id, which leads to the `request_uid`
    keys = ", ".join(str(key_of(part)) for text in texts for part in {text, text.partition(":")[2]})
    rows = _records(
        snapshot,
        engine,
        segments,
        "SELECT row_no, CAST(min(day) AS VARCHAR) AS day, CAST(max(last_day) AS VARCHAR) AS last_day "
        f"FROM {read(segments, f'{snapshot.root}{os.sep}')} WHERE key IN ({keys}) GROUP BY row_no",
        {},
    )
    return {row["row_no"]: (row["day"], row["last_day"]) for row in rows}


def _candidates(snapshot: Snapshot, engine: Engine, days: Mapping[int, tuple[str, str]]) -> list[Row]:
    """The ids of the requests that the index points at; a record of the same number in another file is among them."""
    segments = [
        segment
        for segment in snapshot.segments.get("requests", [])
        if any(segment.is_within(*span) for span in days.values())
    ]
    if not segments:
        return []
    numbers = ", ".join(map(str, days))
    files = read(segments, f"{snapshot.root}{os.sep}")
    return _records(
        snapshot, engine, segments, f"SELECT row_no, {', '.join(_IDS)} FROM {files} WHERE row_no IN ({numbers})", {}
    )


def _own_ids(snapshot: Snapshot, engine: Engine, requests: Sequence[Row]) -> list[str]:
    """The ids that name this request and no other."""
    ids = sorted({str(row[name]) for row in requests for name in _IDS if row[name] is not None})
    return [text for text, found in _named(snapshot, engine, ids).items() if len(found) == 1]


def _nearest(snapshot: Snapshot, engine: Engine, wanted: str) -> str:
    segments = snapshot.segments.get("requests", [])
    if not segments:
        return "the store is empty: `governance ingest` reads logs into it"
    ids = f"(SELECT unnest([{', '.join(_IDS[1:])}]) AS id FROM {read(segments, f'{snapshot.root}{os.sep}')})"
    rows = engine.rows(
        f"SELECT id FROM {ids} WHERE jaro_winkler_similarity(id, $id) > 0.9 "
        "ORDER BY jaro_winkler_similarity(id, $id) DESC, id LIMIT 1",
        {"id": wanted},
    )
    return f"did you mean '{rows[0][0]}'?" if rows else "any request, client, response, trace or decision id will do"


def _rows(
    snapshot: Snapshot, engine: Engine, table: str, found: Lookup, ids: Sequence[str], files: dict[str, Segment]
) -> list[Row]:
    segments = [segment for segment in snapshot.segments.get(table, []) if _may_hold(table, segment, found)]
    if not segments:
        return []
    by_path = {f"{snapshot.root}{os.sep}{segment.path}": segment for segment in segments}
    options = "union_by_name = true, hive_partitioning = false, filename = true"
    selected = f"* REPLACE ({_DECISION_OF_LATE} AS decision_id, $uid AS request_uid)" if table in SIDE_TABLES else "*"
    rows = _records(
        snapshot,
        engine,
        segments,
        f"SELECT {selected} FROM read_parquet({file_list(list(by_path))}, {options}) "
        f"WHERE {_condition(table)} ORDER BY {CANONICAL[table].time}",
        {"uid": found.request_uid, "ids": list(ids)},
    )
    for row in rows:
        path = row.pop("filename")
        files[by_path[path].path] = by_path[path]
    if table in _BY_REQUEST[:2]:  # the day's file is proof also where it holds no decision
        files |= {segment.path: segment for segment in segments}
    return rows


def _may_hold(table: str, segment: Segment, found: Lookup) -> bool:
    return table in SIDE_TABLES or segment.is_within(found.day, found.last_day)


# A row that came before its request names it by one of its ids, or by such an id, `#` and the position of the decision
_DECISION_OF_LATE = (
    "coalesce(decision_id, CASE WHEN list_contains($ids, target_id) THEN $uid || '#0' "
    "ELSE $uid || regexp_extract(target_id, '#[0-9]+$') END)"
)


def _condition(table: str) -> str:
    if table in SIDE_TABLES:
        bare = "regexp_replace(target_id, '#[0-9]+$', '')"
        is_own = f"list_contains($ids, target_id) OR list_contains($ids, {bare})"
        return f"request_uid = $uid OR (request_uid IS NULL AND ({is_own}))"
    if table in _BY_REQUEST:
        return "request_uid = $uid"
    return (
        "starts_with(decision_id, $uid || '#') AND regexp_full_match(substr(decision_id, length($uid) + 1), '#[0-9]+')"
    )


def _records(
    snapshot: Snapshot, engine: Engine, segments: Sequence[Segment], sql: str, bound: dict[str, Any]
) -> list[Row]:
    """The rows of a query over files; where the engine cannot read one, the one that was changed is named."""
    try:
        return engine.records(sql, bound)
    except EngineError as error:
        _check_digests(snapshot, segments)
        raise LedgerError(
            f"the store cannot be read ({error})", where=str(snapshot.root), hint="run `governance verify`"
        ) from error


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

    Raises:
        LedgerError: A file of findings is not the one that the ledger names.
    """
    segments = snapshot.segments.get("findings", [])
    if not segments:
        return []
    _check_digests(snapshot, segments)
    paths = file_list([f"{snapshot.root}{os.sep}{segment.path}" for segment in segments])
    at = f"CAST({literal(moment)} AS TIMESTAMPTZ)"
    return engine.records(
        f"SELECT * FROM read_parquet({paths}) WHERE window_start <= {at} AND {at} < window_end "
        "QUALIFY assessed_ts = max(assessed_ts) OVER (PARTITION BY policy, version, check_id) ORDER BY policy, check_id"
    )
