"""What is in a store, what is late, and what is open."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from governance.compaction import plan
from governance.engines.duckdb import Engine, identifier
from governance.storage.segments import COMPLETED, HALVES, OF_HALVES, read
from governance.storage.store import Snapshot, Store
from governance.tables import ATTEMPTS, CANONICAL, GUARDRAILS, PAYLOADS, PER_MODEL, QUARANTINE, REQUESTS, SIDE_TABLES


def status(store_path: Path, *, as_of: int | None = None) -> dict[str, Any]:
    """The JSON of `status`: tables with rows and times, files, ledger, models, conflicts, what waits, findings."""
    store = Store(store_path)
    snapshot = store.snapshot(as_of)
    with Engine(store.spill) as engine:
        snapshot.attach(engine)
        return {
            "ledger": {"size": snapshot.checkpoint.size, "root": snapshot.checkpoint.root},
            "tables": [_table(engine, snapshot, name) for name in CANONICAL if snapshot.segments.get(name)],
            "files": _files(snapshot),
            "models": [f"{entry.facts['model']} {entry.facts['version']}" for entry in snapshot.of_kind("model")],
            "conflicts": _conflicts(snapshot),
            "unmatched": _unmatched(engine, snapshot),
            "halves": _halves(engine, snapshot),
            "findings": _open_findings(engine),
        }


def _table(engine: Engine, snapshot: Snapshot, name: str) -> dict[str, Any]:
    segments = snapshot.segments[name]
    found: dict[str, Any] = {"table": name, "rows": sum(s.rows for s in segments), "files": len(segments)}
    if name == QUARANTINE.name:  # some may have been released
        found["rows"] = engine.value(f"SELECT count(*) FROM {name}")
    elif name in OF_HALVES and snapshot.segments.get(COMPLETED):  # some may have been completed
        found["rows"] = engine.value(f"SELECT count(*) FROM {_incomplete(snapshot, name)}")
    if name not in PER_MODEL:
        time = CANONICAL[name].time
        bounds = engine.records(f"SELECT min({time}) AS first, max({time}) AS last FROM {identifier(name)}")[0]
        found |= bounds
    return found


def _files(snapshot: Snapshot) -> dict[str, int]:
    """How many files of rows are read, how many are kept beside them, and how many compaction would about leave."""
    read = sum(len(own) for own in snapshot.segments.values())
    named = sum("table" in file.facts for entry in snapshot.entries for file in entry.files)
    saved = sum(len(merge.segments) - 1 for merge in plan(snapshot))
    return {"read": read, "replaced": named - read, "after_compaction": read - saved}


def _conflicts(snapshot: Snapshot) -> int:
    return sum(int(entry.facts["counts"]["conflicts"]) for entry in snapshot.of_kind("ingest", "retry"))


def _unmatched(engine: Engine, snapshot: Snapshot) -> dict[str, int]:
    """Side rows that match no request yet, and rows from files of their own whose request has not arrived."""
    found = {}
    for name in SIDE_TABLES:
        if any(segment.unresolved for segment in snapshot.segments.get(name, [])):
            found[name] = int(engine.value(f"SELECT count(*) FROM {name} WHERE request_uid IS NULL"))
    for name in (ATTEMPTS.name, PAYLOADS.name, GUARDRAILS.name):
        if _came_alone(snapshot, name):
            found[name] = int(engine.value(f"SELECT count(*) FROM {name} ANTI JOIN requests USING (request_uid)"))
    return found


def _halves(engine: Engine, snapshot: Snapshot) -> int:
    """Halves of calls, stored alone, that wait for their other half."""
    if not snapshot.segments.get(HALVES):
        return 0
    return int(engine.value(f"SELECT count(*) FROM {_incomplete(snapshot, HALVES)} WHERE kept IS NOT NULL"))


def _incomplete(snapshot: Snapshot, name: str) -> str:
    """SQL: the rows of a table without those of halves that were completed."""
    own, done = (
        f"(SELECT * FROM {read(segments, f'{snapshot.root}{os.sep}')})" if segments else None
        for segments in (snapshot.segments[name], snapshot.segments.get(COMPLETED))
    )
    return f"{own} ANTI JOIN {done} USING (file_sha256, row_no)" if done else str(own)


def _came_alone(snapshot: Snapshot, name: str) -> bool:
    """Whether rows of a table were read without the requests that they belong to."""
    batches = ({file.facts.get("table") for file in entry.files} for entry in snapshot.of_kind("ingest", "retry"))
    return any(name in tables and REQUESTS.name not in tables for tables in batches)


def _open_findings(engine: Engine) -> dict[str, Any]:
    rows = engine.records(
        "SELECT verdict, count(*) AS n, min(due) AS due FROM "
        "(SELECT * FROM findings QUALIFY assessed_ts = max(assessed_ts) "
        "OVER (PARTITION BY policy, check_id, window_start, window_end)) GROUP BY verdict ORDER BY verdict"
    )
    return {row["verdict"]: {"n": row["n"], "next_due": row["due"]} for row in rows}
