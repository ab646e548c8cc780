"""Writes the quarter into a workspace, straight as Parquet: one file of each table and day, named by the ledger."""

from __future__ import annotations

import hashlib
import json
import math
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from governance import tables
from governance.batches import schema
from governance.engines.duckdb import Engine, identifier
from governance.models.registration import register
from governance.moments import stamp
from governance.proof.entries import JSON
from governance.proof.ledger import NamedFile, StagedFile
from governance.storage.store import Store
from governance.workspace import Workspace, make_workspace
from quarter import rows

WINDOW, FIRST, DAYS = "2026-Q3", datetime(2026, 7, 1, tzinfo=UTC), 92
NOW = datetime(2026, 12, 1, tzinfo=UTC)  # every outcome is known by then
REFERENCE = 5  # the weeks before the window hold a fifth as many rows: what drift is measured against
_LATE = range(28, 33)  # days until an outcome is known
CREDIT_MODEL = "credit-default"


class _Part(NamedTuple):
    """What is written of a table: its columns, which of the decided items or requests, and where to."""

    table: tables.Table
    columns: Mapping[str, str]
    chosen: str = "true"
    of_items: bool = True
    model: str | None = None
    days_late: Sequence[int] = (0,)


_SIMPLE = (
    _Part(tables.REQUESTS, rows.REQUESTS, of_items=False),
    _Part(tables.DECISIONS, rows.DECISIONS),
    _Part(tables.SUBJECTS, rows.SUBJECTS),
    _Part(tables.FEATURES, rows.MODEL_INPUTS, "kind = 'credit'", model=CREDIT_MODEL),
    _Part(
        tables.ATTRIBUTIONS,
        rows.ATTRIBUTIONS,
        f"kind = 'credit' AND NOT ({rows.DECISIONS['favourable']})",
        model=CREDIT_MODEL,
    ),
    _Part(tables.OUTCOMES, rows.OUTCOMES, "kind = 'credit' AND u(i, 52) < 0.6", days_late=_LATE),
    _Part(tables.REVIEWS, rows.REVIEWS, "kind = 'credit' AND greatest(score, 1 - score) < 0.6 AND u(i, 43) < 0.97"),
    _Part(tables.ATTEMPTS, rows.ATTEMPTS, "kind = 'chat'", of_items=False),
    _Part(tables.GUARDRAILS, rows.GUARDRAILS, "kind = 'chat' AND u(i, 44) < 0.999", of_items=False),
    _Part(tables.ASSESSMENTS, rows.ASSESSMENTS, "kind = 'chat' AND u(i, 47) < 0.1", of_items=False),
)


def make_quarter(folder: Path, size: int) -> Workspace:
    """A workspace with `size` requests and about as many decisions in the quarter, and a fifth more before it."""
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / "keys")}
    space = make_workspace(folder / "space", environment=environment, now=stamp(FIRST))
    _register(space, folder)
    store = Store(space.store)
    with store.writing(space.key, NOW) as writer, Engine(folder / "spill") as engine:
        writer.commit("ingest", _facts(FIRST.date(), ()), list(_standalone(store, size)), at=stamp(NOW))
        for macro in rows.MACROS:
            engine.execute(macro)
        for day in _days():
            staged = [file for part in _SIMPLE if (file := _staged(engine, space.store, part, size, day))]
            if staged:
                writer.commit("ingest", _facts(day, staged), staged, at=stamp(NOW))
    return space


def _days() -> Iterator[date]:
    before, after = DAYS // REFERENCE + 1, max(_LATE) + 1
    return ((FIRST + timedelta(days=n)).date() for n in range(-before, DAYS + after))


def _facts(day: date, staged: Sequence[StagedFile]) -> dict[str, JSON]:
    records = sum(file.named.facts["rows"] for file in staged if file.named.facts["table"] == "requests")
    return {"batch": day.isoformat(), "source": "bench", "counts": {"records": records, "conflicts": 0}}


def _numbers(size: int, day: date) -> tuple[int, int]:
    """First number of a day and of the next; those below 0 come before the reference and those from 1.2 `size` after.

    Request `i` begins `(i - size / 5)` steps after the window begins, a step being the window over `size`.
    """
    offset = size // REFERENCE
    at = [(day - FIRST.date()).days * size / DAYS + offset, ((day - FIRST.date()).days + 1) * size / DAYS + offset]
    low, high = (min(max(math.ceil(one), 0), size + offset) for one in at)
    return low, high


def _staged(engine: Engine, root: Path, part: _Part, size: int, day: date) -> StagedFile | None:
    sources = []
    for late in part.days_late:
        low, high = _numbers(size, day - timedelta(days=late))
        if low < high:
            own = f"{part.chosen} AND late(i) = {late}" if late else part.chosen
            sources.append(f"SELECT * FROM ({_source(size, low, high, part)}) WHERE {own}")
    if not sources:
        return None
    folder = _folder(part, day)
    (root / folder).mkdir(parents=True, exist_ok=True)
    temporary = root / folder / f".tmp-{uuid.uuid4().hex}"
    selected = ", ".join(_column(part.table, name, sql) for name, sql in _every(part).items())
    order = f" ORDER BY {part.table.time}, {part.table.identity}" if len(sources) > 1 else ""
    count = engine.write_parquet(f"SELECT {selected} FROM ({' UNION ALL '.join(sources)}){order}", temporary)
    if not count:
        temporary.unlink()
        return None
    content = temporary.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    facts = {"table": part.table.name, "rows": count, "day": day.isoformat()}
    facts |= {"model": part.model} if part.model else {}
    return StagedFile(temporary, NamedFile(f"{folder}/{digest}.parquet", digest, len(content), facts))


def _folder(part: _Part, day: date) -> str:
    if part.model is None:
        return f"{part.table.name}/date={day}"
    model = hashlib.sha256(part.model.encode()).hexdigest()[:16]
    return f"{part.table.name}/model={model}/schema={'0' * 16}/date={day}"


def _every(part: _Part) -> dict[str, str]:
    """Each column of the table, null where the rows do not say it, and the further ones of a wide table."""
    fixed = {column.name: part.columns.get(column.name, "NULL") for column in part.table.columns}
    return fixed | (dict(part.columns) if part.table.wide else {})


def _column(table: tables.Table, name: str, sql: str) -> str:
    fixed = table.column(name)
    return f"{f'CAST({sql} AS {fixed.type})' if fixed else sql} AS {identifier(name)}"


def _source(size: int, low: int, high: int, part: _Part) -> str:
    """The requests of a stretch of numbers, or their decided items, in the order of time."""
    start = (FIRST - timedelta(days=DAYS / REFERENCE)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    step = DAYS * 86_400_000_000 / size
    plain = (
        f"SELECT i, kind_of(i) AS kind, TIMESTAMPTZ '{start}' + to_microseconds(CAST(i * {step!r} AS BIGINT)) AS ts, "
        "CAST(80000 * exp(0.6 * normal(i, 1)) * CASE WHEN kind_of(i) = 'chat' THEN 60 ELSE 1 END AS BIGINT) "
        "AS latency_us, pick(i, 3, ['mistral-small', 'mistral-medium-2508', 'mistral-large']) AS chat_model "
        f"FROM range({low}, {high}) numbers(i)"
    )
    if not part.of_items:
        return plain
    items = (
        f"SELECT *, unnest(range(CASE kind WHEN 'rank' THEN 5 WHEN 'credit' THEN 1 ELSE 0 END)) AS item FROM ({plain})"
    )
    return (
        "SELECT *, 'bench:' || native(i) || '#' || item AS decision_id, i * 8 + item AS p, "
        "pow(u(i * 8 + item, 30), 1.5) * 0.998 + 0.001 AS score, "
        "CASE WHEN u(i * 8 + item, 33) < 0.98 THEN pick(i * 8 + item, 34, ['female', 'male']) END AS sex "
        f"FROM ({items})"
    )


def _register(space: Workspace, folder: Path) -> None:
    """Two versions of the credit model, in cards; the second is not approved."""
    for version, approved in (("1", {"by": "A. Officer", "on": "2026-03-01"}), ("2", None)):
        card = folder / f"card-{version}.json"
        content = {"name": CREDIT_MODEL, "version": version, "tier": "high", "owner": "model-risk", "adverse": "up"}
        card.write_text(json.dumps(content | ({"approved": approved} if approved else {})))
        register(space, card, now=FIRST)


def _standalone(store: Store, size: int) -> Iterator[StagedFile]:
    """What belongs to no request: evaluations, incidents, and what a load balancer counted of each day."""
    first = FIRST - timedelta(days=30)
    own = {"file_sha256": "a" * 64, "row_no": 1}
    evaluation = {"suite": "credit-regression", "metric": "accuracy", "value": 0.91, "status": "success"}
    evaluations = [
        own
        | evaluation
        | {"evaluation_id": f"e{version}", "model": CREDIT_MODEL, "model_version": version}
        | {"started_ts": first, "ended_ts": first}
        for version in ("1", "2")
    ]
    incident = {"state_id": "i1", "incident_id": "1", "model": CREDIT_MODEL, "severity": "serious", "opened_ts": FIRST}
    incidents = [own | incident | {"aware_ts": FIRST, "reported_ts": FIRST + timedelta(days=9)}]
    counts = []
    for number in range(DAYS):
        start = FIRST + timedelta(days=number)
        low, high = _numbers(size, start.date())
        counted = {"count_id": f"c{number}", "counted_by": "balancer", "expected": high - low}
        counts.append(own | counted | {"window_start": start, "window_end": start + timedelta(days=1)})
    for table, listed in (
        (tables.EVALUATIONS, evaluations),
        (tables.INCIDENTS, incidents),
        (tables.REQUEST_COUNTS, counts),
    ):
        yield from store.stage_days(table, pa.Table.from_pylist(listed, schema=schema(table)))
