"""Casefile: every stored row about one request, read from files whose digests were checked on the way.

Only what the request's days can hold is opened, so that a look-up costs the same in a small store and a large one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from governance.engines.duckdb import Engine, literal
from governance.errors import LedgerError
from governance.identities.completed import completed_records
from governance.identities.index_files import index_rows
from governance.identities.lookups import IDS, Lookup, find_one, keys_of_ids, own_ids
from governance.storage.checked_files import Row, check_digests, records
from governance.storage.segments import COMPLETED, OF_HALVES, SIDE_INDEX, STATES, Segment
from governance.storage.store import Snapshot
from governance.tables import CANONICAL, REQUESTS, SIDE_TABLES

BY_REQUEST = ("decisions", "attempts", "payloads", "guardrails")
BY_DECISION = ("subjects", "features", "attributions")


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


def open_casefile(snapshot: Snapshot, engine: Engine, wanted: str) -> Casefile:
    """The casefile of the one request that an id names.

    Raises:
        NotFoundError: No request, or a hint at the nearest id.
        GovernanceError: The id names several requests; says which.
        LedgerError: A file that was read is not the one that the ledger names.
    """
    found = find_one(snapshot, engine, wanted)
    read = _Reading(snapshot, engine, found)
    rows = {REQUESTS.name: read.deliveries()}
    rows |= {table: read.rows(table) for table in (*BY_REQUEST, *SIDE_TABLES, *BY_DECISION)}
    check_digests(snapshot.root, read.files.values())
    conflicts = sum(1 for row in rows[REQUESTS.name] if row["is_conflict"])
    rows = {table: [row for row in own if not row.get("is_conflict")] for table, own in rows.items()}
    rows |= {table: [row for row in rows[table] if not read.is_completed(row)] for table in OF_HALVES}
    own = rows.pop(REQUESTS.name)
    if not own or not {wanted, wanted.rpartition("#")[0]} & {own[0][name] for name in IDS}:
        raise LedgerError(
            "the index names a request that its file does not hold", where=wanted, hint="run `governance verify`"
        )
    decisions = sorted(rows.pop("decisions"), key=lambda row: row["item_index"])
    return Casefile(own[0] | _states(own[0], rows["payloads"]), decisions, rows, read.files, conflicts)


def _states(request: Row, bodies: Sequence[Row]) -> Row:
    """The states of bodies that came without the request, as its view says them."""
    told = {STATES[row["role"]]: row["state"] for row in bodies if row["role"] in STATES}
    return {name: state for name, state in told.items() if request[name] == "absent"}


class _Reading:
    """What belongs to a request that was found, while it is read; `files` are those whose digest is to be checked."""

    def __init__(self, snapshot: Snapshot, engine: Engine, found: Lookup) -> None:
        self.snapshot = snapshot
        self.engine = engine
        self.found = found
        self.files: dict[str, Segment] = {}
        self.decisions: list[tuple[str, str]] = []  # id and time of each, once they are read
        waiting = any(segment.unresolved for table in SIDE_TABLES for segment in snapshot.segments.get(table, []))
        self.ids = own_ids(snapshot, engine, found) if waiting else [found.request_uid]
        self.side_days = self._side_days()
        halves = snapshot.segments.get(COMPLETED, [])
        done = completed_records(snapshot.root, engine, halves, found.request_uid)
        self._completed = done.places
        self._note(done.said_in)

    def is_completed(self, row: Row) -> bool:
        """Whether a row is of a half that counts no longer, as the whole is stored."""
        return (row["file_sha256"], row["row_no"]) in self._completed

    def deliveries(self) -> list[Row]:
        """The rows of the request itself, found with it."""
        self._note(self._segments(REQUESTS.name))
        return list(self.found.rows)

    def rows(self, table: str) -> list[Row]:
        """The rows of another table."""
        segments = self._segments(table)
        if not segments:
            return []
        is_side = table in SIDE_TABLES
        selected = f"* REPLACE ({_DECISION_OF_LATE} AS decision_id, $uid AS request_uid)" if is_side else "*"
        read = records(
            self.snapshot.root,
            self.engine,
            segments,
            f"SELECT {selected} FROM FILES WHERE {self._condition(table, segments)}",
            {"uid": self.found.request_uid, "ids": self.ids},
        )
        self._note([segment for _, segment in read])
        found = [row for row, _ in read]
        time = CANONICAL[table].time  # a dozen rows at most; sorting in the engine is a plan more
        found.sort(key=lambda row: (row[time] is None, row[time]))
        if table == "decisions":  # the day's file is proof also where it holds no decision
            self._note(segments)
            self.decisions = [(row["decision_id"], row["decision_ts"]) for row in found]
        return found

    def _condition(self, table: str, segments: Sequence[Segment]) -> str:
        """SQL: which rows of a table belong to the request."""
        if table in SIDE_TABLES:
            return _OF_LATE
        own = "request_uid = $uid" if table in BY_REQUEST else self._of_decisions()
        if CANONICAL[table].column("row_no") is None or any(segment.batches is None for segment in segments):
            return own
        # What came with the request has its number, in which most files ascend: the engine reads the one group of rows
        return f"row_no IN ({', '.join(map(str, sorted(self.found.numbers)))}) AND {own}"

    def _of_decisions(self) -> str:
        if not self.decisions:
            item = "regexp_full_match(substr(decision_id, length($uid) + 1), '#[0-9]+')"
            return f"starts_with(decision_id, $uid || '#') AND {item}"
        # The time is the decision's own: files are sorted by it, so that the engine reads the one group that holds it
        ids = ", ".join(literal(name) for name, _ in self.decisions)
        first, last = (f"CAST({literal(end(at for _, at in self.decisions))} AS TIMESTAMPTZ)" for end in (min, max))
        return f"decision_id IN ({ids}) AND decision_ts BETWEEN {first} AND {last}"

    def _segments(self, table: str) -> list[Segment]:
        """The files of a table that may hold what belongs to the request."""
        segments = self.snapshot.segments.get(table, [])
        if table not in SIDE_TABLES:
            return [segment for segment in segments if self.found.place.is_in(segment)]
        days = [day for name, day in self.side_days if name == table]
        return [
            segment for segment in segments if not segment.indexed or any(segment.is_within(day, day) for day in days)
        ]

    def _side_days(self) -> Collection[tuple[str, str]]:
        """Side table and day of each row that may belong to the request."""
        segments = self.snapshot.segments.get(SIDE_INDEX, [])
        keys = keys_of_ids({self.found.request_uid, *self.ids})
        columns = '"table", CAST(day AS VARCHAR)'
        return {row[:2] for row in index_rows(self.snapshot.root, self.engine, segments, keys, columns)}

    def _note(self, segments: Sequence[Segment]) -> None:
        self.files |= {segment.path: segment for segment in segments}


# A row that came before its request names it by one of its ids, or by such an id, `#` and the position of the decision
_DECISION_OF_LATE = (
    "coalesce(decision_id, CASE WHEN list_contains($ids, target_id) THEN $uid || '#0' "
    "ELSE $uid || regexp_extract(target_id, '#[0-9]+$') END)"
)


_OF_LATE = (
    "request_uid = $uid OR (request_uid IS NULL AND (list_contains($ids, target_id) "
    "OR list_contains($ids, regexp_replace(target_id, '#[0-9]+$', ''))))"
)


def latest_findings(snapshot: Snapshot, engine: Engine, moment: str) -> list[Row]:
    """The findings whose window holds a moment: of each policy version, check and window, those of the newest run.

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
    check_digests(snapshot.root, segments)
    at = f"CAST({literal(moment)} AS TIMESTAMPTZ)"
    found = records(
        snapshot.root,
        engine,
        segments,
        f"SELECT * FROM FILES WHERE window_start <= {at} AND {at} < window_end "
        "QUALIFY assessed_ts = max(assessed_ts) OVER "
        "(PARTITION BY policy, version, check_id, window_start, window_end) ORDER BY policy, check_id, window_start",
        {},
    )
    return [row for row, _ in found]
