"""Segments: the Parquet files of a store, and the SELECT statements that make views of them.

Plain SQL over the files, so that whoever holds the store can run any stored statement in a bare DuckDB.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import NamedTuple

from governance.engines.duckdb import file_list
from governance.proof.entries import REPLACES, Entry, NamedFile
from governance.tables import CACHE_HITS, DECISIONS, REQUESTS, Table

INDEX = "index"  # folder of the request index, which is no table
COMPACTION = "compaction"  # kind of the entries whose files hold the rows of others
SIDE_INDEX = "side-index"  # the same for rows of side tables
KEY_FILTER = "filter"  # of a file of an index: where in it the filter of its keys begins, and its bytes
RELEASED = "released"  # folder of the ids that have left quarantine
HALVES = "halves"  # folder of what is kept of halves that came alone
COMPLETED = "completed"  # folder of the records of halves that a later record completes: their rows count no longer
STATES = {"request": "input_state", "response": "output_state"}  # role of a body -> its state in the request
OF_HALVES = (REQUESTS.name, DECISIONS.name)  # tables of which the whole has rows of its own; a body stays the same


class Segment(NamedTuple):
    """One Parquet file of a table; `day` and `last_day` are the first and the last of its rows.

    Its `batches` are the entries that brought its rows, each of which indexes every request that they belong to; None
    where that is not known. Its `key_filter` is where the filter of its keys begins, and its bytes.
    """

    path: str
    sha256: str
    table: str
    rows: int
    day: str | None
    model: str | None
    unresolved: int
    last_day: str | None
    bytes: int
    indexed: bool  # whether the side index names every row
    identified: bool = False  # whether the side index has the identity of every row, or a file of it those of its own
    provisional: bool = False  # whether there are rows that another record may complete
    alone: bool = False  # whether there are rows that came without the request that they belong to
    batches: frozenset[int] | None = None
    key_filter: tuple[int, int] | None = None

    def is_within(self, first: str, last: str) -> bool:
        """Whether it may hold rows of these days (ISO dates), both included."""
        return self.day is None or self.last_day is None or (self.day <= last and first <= self.last_day)


def segment_of(file: NamedFile, table: str, batches: frozenset[int] | None = None) -> Segment:
    """The segment that a ledger entry names."""
    facts = file.facts
    at, size = facts.get(KEY_FILTER, (0, 0))
    return Segment(
        file.path,
        file.sha256,
        table,
        int(facts["rows"]),
        facts.get("day"),
        facts.get("model"),
        int(facts.get("unresolved", 0)),
        facts.get("last_day", facts.get("day")),
        file.bytes,
        bool(facts.get("indexed", False)),
        bool(facts.get("identified", False)),
        bool(facts.get("provisional", False)),
        bool(facts.get("alone", False)),
        batches,
        (int(at), int(size)) if size else None,
    )


def segments_of(entries: Iterable[Entry]) -> list[Segment]:
    """The segments that hold the rows of a store, in ledger order.

    One that a compaction made stands in the place of the first that it replaced, so that a wide table keeps the order
    of its columns.
    """
    found: dict[int, tuple[NamedFile, frozenset[int] | None]] = {}
    places: dict[str, int] = {}
    following = count()
    for entry in entries:
        files = [file for file in entry.files if "table" in file.facts]
        own = frozenset([entry.number]) if any(file.facts["table"] == INDEX for file in files) else None
        for file in files:
            place, batches = next(following), own
            if REPLACES in file.facts:
                replaced = [places.pop(path) for path in file.facts[REPLACES] if path in places]
                batches = _together([found.pop(each)[1] for each in replaced])
                place = min(replaced, default=place)
            places[file.path] = place
            found[place] = (file, batches)
    return [segment_of(file, str(file.facts["table"]), batches) for _, (file, batches) in sorted(found.items())]


def _together(parts: Sequence[frozenset[int] | None]) -> frozenset[int] | None:
    """Every batch of some files, if there are any and those of all are known."""
    known = [part for part in parts if part is not None]
    return frozenset[int]().union(*known) if 0 < len(known) == len(parts) else None


def select(table: Table, segments: Sequence[Segment], prefix: str, completed: Sequence[Segment] = ()) -> str:
    """SELECT of the rows of a table that count: conflicts are left out, and halves that were completed.

    Args:
        table: The table.
        segments: Its files.
        prefix: Put before each path.
        completed: The files that say which records were completed.
    """
    if not segments:
        nulls = ", ".join(f"CAST(NULL AS {column.type}) AS {column.name}" for column in table.columns)
        return f"SELECT {nulls} WHERE false"
    where = " WHERE NOT is_conflict" if table.column("is_conflict") else ""
    provisional = [one for one in segments if one.provisional] if completed and table.name in OF_HALVES else []
    if not provisional:
        return f"SELECT * FROM {read(segments, prefix)}{where}"
    done = f"{read(completed, prefix)} c ON c.file_sha256 = r.file_sha256 AND c.row_no = r.row_no"
    parts = [f"SELECT r.* FROM {read(provisional, prefix)} r ANTI JOIN {done}{where}"]
    if final := [one for one in segments if not one.provisional]:
        parts.insert(0, f"SELECT * FROM {read(final, prefix)}{where}")
    return " UNION ALL BY NAME ".join(parts)


def with_states(requests: str, bodies: Sequence[Segment], prefix: str) -> str:
    """SELECT of requests that say the state also of a body which came without them.

    An engine leaves the bodies out where nobody asks for the states.

    Args:
        requests: SELECT of the requests.
        bodies: Files that hold such bodies.
        prefix: Put before each path.
    """
    states = ", ".join(f"max(state) FILTER (role = '{role}') AS {role}" for role in STATES)
    by_request = f"SELECT request_uid, {states} FROM {read(bodies, prefix)} GROUP BY request_uid"
    told = ", ".join(
        f"CASE {name} WHEN 'absent' THEN coalesce(b.{role}, {name}) ELSE {name} END AS {name}"
        for role, name in STATES.items()
    )
    return f"SELECT r.* REPLACE ({told}) FROM ({requests}) r LEFT JOIN ({by_request}) b USING (request_uid)"


def read(segments: Sequence[Segment], prefix: str) -> str:
    """The table function that reads files; `prefix` is put before each path."""
    files = file_list([prefix + segment.path for segment in segments])
    return f"read_parquet({files}, union_by_name = true, hive_partitioning = false)"


def unreleased(quarantine: Sequence[Segment], released: Sequence[Segment], prefix: str) -> str:
    """SELECT of the records that are still in quarantine."""
    return (
        f"SELECT q.* FROM {read(quarantine, prefix)} q "
        f"ANTI JOIN {read(released, prefix)} r ON r.quarantine_id = q.quarantine_id"
    )


def identities(requests: Sequence[Segment], prefix: str, wanted: str = "id IS NOT NULL") -> str:
    """SELECT of ids that name exactly one request; an id that several requests share resolves to none of them.

    A hit of a cache bears the response id of the answer that it repeats: that names the request which was answered.

    Args:
        requests: Files of requests.
        prefix: Put before each path.
        wanted: SQL: which ids are meant.
    """
    if not requests:
        return "SELECT CAST(NULL AS VARCHAR) AS id, CAST(NULL AS VARCHAR) AS request_uid WHERE false"
    answer = f"CASE WHEN cache_status IN {CACHE_HITS} THEN NULL ELSE response_id END"
    ids = f"unnest([request_uid, request_id, client_request_id, {answer}, trace_id]) AS id"
    return (
        f"SELECT id, min(request_uid) AS request_uid FROM (SELECT {ids}, request_uid FROM {read(requests, prefix)}) "
        f"WHERE {wanted} GROUP BY id HAVING min(request_uid) = max(request_uid)"
    )


def resolved(relation: str) -> str:
    """SELECT of side rows with the request and decision that their `target_id` names, where `identities` knows it.

    A target is any id of a request, or such an id with `#` and the position of the decision.
    """
    item = "regexp_extract(r.target_id, '#[0-9]+$')"
    return (
        "SELECT r.* REPLACE (coalesce(r.request_uid, i.request_uid, b.request_uid) AS request_uid, "
        f"coalesce(r.decision_id, i.request_uid || '#0', b.request_uid || {item}) AS decision_id) FROM {relation} r "
        "LEFT JOIN identities i ON i.id = r.target_id "
        f"LEFT JOIN identities b ON {item} != '' AND b.id = regexp_replace(r.target_id, '#[0-9]+$', '')"
    )


def resolving(segments: Sequence[Segment], prefix: str) -> str:
    """Rows that came before their request find it in the index, each time they are read."""
    late = resolved(f"(SELECT * FROM {read(segments, prefix)} WHERE request_uid IS NULL)")
    known = f"SELECT * FROM {read(segments, prefix)} WHERE request_uid IS NOT NULL"
    return f"{known} UNION ALL BY NAME {late}"


def with_records(subjects: str, records: str, decisions: str) -> str:
    """SELECT of the protected attributes of each decision, from its own log and from files of their own.

    Of an attribute that several of them give, the one that became known last counts.

    Args:
        subjects: SELECT of those of the logs.
        records: SELECT of those of other files, as far as their decision has arrived.
        decisions: SELECT of the decisions.
    """
    late = (
        "SELECT r.* EXCLUDE (record_id, target_id, request_uid, known_ts), d.decision_ts, false AS is_conflict, "
        f"{_place('known_ts')} FROM ({records}) r JOIN ({decisions}) d ON d.decision_id = r.decision_id"
    )
    return (
        "SELECT decision_id, arg_max(COLUMNS(* EXCLUDE (decision_id, place)), place) FROM "
        f"(SELECT r.*, {_place('decision_ts')} FROM ({subjects}) r UNION ALL BY NAME {late}) GROUP BY decision_id"
    )


def _place(time: str) -> str:
    """The order in which attributes became known."""
    return f"{{'at': r.{time}, 'file': r.file_sha256, 'row': r.row_no}} AS place"
