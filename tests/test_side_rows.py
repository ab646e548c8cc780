"""Which rows of files of their own are stored, and whose they are: the same as reading the whole store says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from governance.compaction import compact
from governance.engines.duckdb import Engine
from governance.identities.side_rows import resolve, stored_rows
from governance.storage.segments import resolved
from governance.storage.store import Snapshot
from governance.tables import CANONICAL
from tests.logbooks import NOW, Logbook, logbook
from tests.sources.test_otlp import END, TRACE
from tests.test_otlp_events import BODIES, DAY_NS, event, logs
from tests.test_otlp_events import read as read_otlp

MAPPED = """\
source: loans
columns:
  request_id: id
  start_ts: at
  model: {constant: credit}
  client_request_id: client
  response_id: answer
  trace_id: trace
  cache_status: cache
"""
ATTEMPTS = "source: loans\ntable: attempts\ncolumns: {request_id: id, start_ts: at, attempt_no: no}\n"
OUTCOMES = "source: truth\ntable: outcomes\ncolumns: {request_id: id, name: name, value: value, known_ts: at}\n"
SCORES = "source: scores\ntable: assessments\ncolumns: {request_id: id, name: name, score: value, created_ts: at}\n"
DAYS = 20
FILES = 6


def csv(header: str, *rows: tuple[object, ...]) -> str:
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


def at(day: int) -> str:
    return f"2026-07-{1 + day:02d}T12:00:00Z"


def requests(number: int, chance: Random) -> str:
    """Ids that are shared in every way that they may be."""
    rows = [
        (
            f"r{number}-{place}",
            at(chance.randrange(DAYS)),
            f"c{chance.randrange(40)}",
            f"a{chance.randrange(60)}",
            f"t{chance.randrange(40)}",
            chance.choice(["miss", "exact_hit"]),
        )
        for place in range(12)
    ]
    return csv("id,at,client,answer,trace,cache", *rows)


def sides(chance: Random, count: int) -> Iterator[tuple[object, ...]]:
    for _ in range(count):
        own = f"r{chance.randrange(FILES)}-{chance.randrange(14)}"
        target = chance.choice(
            [own, f"loans:{own}", f"{own}#0", f"c{chance.randrange(45)}", f"a{chance.randrange(65)}"]
        )
        yield target, at(chance.randrange(DAYS)), chance.choice("xy"), chance.randrange(3)


@pytest.fixture(name="snapshot", params=["as ingested", "compacted", "of an older version"], scope="module")
def made_snapshot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    book, chance = logbook(tmp_path_factory.mktemp("book")), Random(7)
    for number in range(FILES):
        book.read(
            f"calls{number}.csv", csv("id,at,no", (f"r{number}-1", at(number), 0), ("gone", at(9), number)), ATTEMPTS
        )
        book.read(f"log{number}.csv", requests(number, chance), MAPPED)
        book.read(f"outcomes{number}.csv", csv("id,at,name,value", *sides(chance, 30)), OUTCOMES)
        book.read(f"scores{number}.csv", csv("id,at,name,value", *sides(chance, 30)), SCORES)
        ids = {"traceId": TRACE, "spanId": f"{number + 1:016x}"}
        read_otlp(book, **{f"e{number}": logs(event(BODIES, **ids, timeUnixNano=str(END + number * DAY_NS)))})
    if request.param == "compacted":
        compact(book.workspace, now=NOW)
    return older(book.snapshot) if request.param == "of an older version" else book.snapshot


def older(snapshot: Snapshot) -> Snapshot:
    """The same store, whose ledger does not say what the index has."""
    other = replace(snapshot)
    for table, segments in snapshot.segments.items():
        other.segments[table] = [segment._replace(batches=None, identified=False) for segment in segments]
    return other


@pytest.mark.parametrize("table", ["outcomes", "assessments", "attempts", "payloads"])
def test_what_is_stored_is_found(snapshot: Snapshot, table: str) -> None:
    identity = CANONICAL[table].identity
    with Engine() as engine:
        snapshot.attach(engine, [table])
        stored = engine.arrow(f"SELECT * FROM {table}")
        assert stored.num_rows >= FILES
        for seed in range(5):
            chance = Random(seed)
            some = stored.take(sorted(chance.sample(range(stored.num_rows), 3)))
            other = some.set_column(0, some.field(0), pa.array([f"other{seed}{place}" for place in range(3)]))
            new = pa.concat_tables([some, other])
            relation = stored_rows(engine, snapshot, table, new)
            assert relation is not None
            engine.register("new", new)
            found, whole = (
                engine.rows(f"SELECT count(*) FROM new WHERE {identity} IN (SELECT {identity} FROM {where})")
                for where in (relation, table)
            )
            assert found == whole == [(3,)]


def test_few_files_are_opened_for_few_rows(snapshot: Snapshot) -> None:
    with Engine() as engine:
        snapshot.attach(engine, ["outcomes"])
        one = engine.arrow("SELECT * FROM outcomes ORDER BY outcome_id LIMIT 1")
        relation = stored_rows(engine, snapshot, "outcomes", one) or ""
        unknown = one.set_column(0, one.field(0), pa.array(["unknown"]))
        is_indexed = all(segment.identified for segment in snapshot.segments["outcomes"])
        assert (stored_rows(engine, snapshot, "outcomes", unknown) is None) == is_indexed
        opened = sum(segment.path in relation for segment in snapshot.segments["outcomes"])
        assert 0 < opened <= (FILES if is_indexed else len(snapshot.segments["outcomes"]))


def test_rows_find_the_request_that_all_of_the_store_names(snapshot: Snapshot) -> None:
    with Engine() as engine:
        snapshot.attach(engine, ["outcomes"])
        shape = engine.arrow("SELECT * FROM outcomes").schema
        chance = Random(3)
        targets = (
            [f"t{number}" for number in range(5)] + [str(target) for target, *_ in sides(chance, 200)] + ["", "#0"]
        )
        nulls: dict[str, Any] = {field.name: pa.nulls(len(targets), field.type) for field in shape}
        rows = pa.table(nulls | {"target_id": pa.array(targets)}, schema=shape)
        engine.register("rows", rows)
        whole = engine.arrow(resolved("rows")).cast(shape)
        found = resolve(engine, snapshot, rows)
        assert sorted(found.to_pylist(), key=str) == sorted(whole.to_pylist(), key=str)
        known = found.column("request_uid")
        assert 0 < known.null_count < len(known)


def test_a_row_that_names_its_request_is_left_as_it_is(snapshot: Snapshot) -> None:
    rows = pa.table({"target_id": ["r0-1"], "request_uid": ["loans:r0-1"], "decision_id": ["loans:r0-1#0"]})
    with Engine() as engine:
        assert resolve(engine, snapshot, rows) is rows


def test_it_is_so_where_rows_come_again(tmp_path: Path) -> None:
    book: Logbook = logbook(tmp_path)
    first = csv("id,at,name,value", *((f"r{number}", at(number), "x", 1) for number in range(9)))
    assert book.read("a.csv", first, OUTCOMES).stored == 9
    compact(book.workspace, now=NOW)
    again = first + "r1,2026-08-01T00:00:00Z,x,2\n"
    report = book.read("b.csv", again, OUTCOMES)
    assert (report.stored, report.duplicates) == (1, 9)
