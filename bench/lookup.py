"""How long one id takes to be found and explained in a large store, warm and as a whole command.

Usage: python bench/lookup.py [ROWS [STORE ...]]

Three stores of 90 days are made (random, time-ordered and scattered; all, unless some are named), with a decision,
inputs and stored contributions for each request and an outcome for every tenth: random ids and time-ordered ids, each
ingested in full batches in order of time, and random ids in batches that hold rows of every day. The files are staged
and committed as ingestion does it; only the reading of a log is left out. Then, for ids all over the store, as it was
ingested and once more after `compact`:

record   the request's own row, found by its id in a process that looked up before; the ledger is read once
whole    that and all that belongs to it, each file that was read compared with the digest in the ledger
explain  `governance explain ID` as a new process, beside one that only imports duckdb and connects, taken in turns
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from governance.batches import BATCH_RECORDS, schema
from governance.compaction import compact
from governance.engines.duckdb import Engine
from governance.explained.casefile import open_casefile
from governance.identities.indexing import index_rows, side_index_rows
from governance.identities.lookups import find_one
from governance.ingestion import model_folder
from governance.moments import stamp
from governance.proof.ledger import StagedFile
from governance.staging import stage_index
from governance.storage.segments import INDEX, SIDE_INDEX
from governance.storage.store import Snapshot, Store
from governance.tables import ATTRIBUTIONS, DECISIONS, FEATURES, OUTCOMES, REQUESTS, Table
from governance.workspace import Workspace, make_workspace

DAYS = 90
INPUTS = 20
LOOKUPS = 50
PROCESSES = 20
NOW = datetime(2026, 10, 1, tzinfo=UTC)
CONNECT = "import duckdb; duckdb.connect()"

_RANDOM = "md5('request ' || n)"
_ORDERED = (
    "printf('%012x', epoch_ms(moment)) || '-' || md5('request ' || n)[:20]"  # as UUIDv7 and ULID: the time comes first
)
_ROWS = {
    "requests": {
        "request_uid": "'bench:' || id",
        "request_id": "id",
        "response_id": "'resp-' || md5(id)",
        "source": "'bench'",
        "start_ts": "moment",
        "model_served": "'credit'",
        "status": "'ok'",
        "latency_us": "n * 7919 % 1000000",
        "input_tokens": "n % 4000",
        "fallbacks": "0",
    },
    "decisions": {
        "decision_id": "'bench:' || id || '#0'",
        "request_uid": "'bench:' || id",
        "item_index": "0",
        "decision_ts": "moment",
        "model": "'credit'",
        "model_version": "'1'",
        "decision": "CASE WHEN n % 3 = 0 THEN 'no' ELSE 'yes' END",
        "favourable": "n % 3 > 0",
        "score": "(n % 997) / 997",
        "score_digits": "15",
        "threshold": "0.5",
    },
    "features": {"decision_id": "'bench:' || id || '#0'", "decision_ts": "moment"},
    "attributions": {
        "decision_id": "'bench:' || id || '#0'",
        "decision_ts": "moment",
        "model": "'credit'",
        "model_version": "'1'",
        "method": "'native'",
        "library": "'bench'",
        "output_space": "'margin'",
        "base_value": "0.1",
        "output_value": "0.1",
        "additivity_error": "0",
        "computed_ts": "moment",
    },
    "outcomes": {
        "outcome_id": "md5('outcome ' || n)",
        "request_uid": "'bench:' || id",
        "decision_id": "'bench:' || id || '#0'",
        "target_id": "id",
        "name": "'repaid'",
        "value": "'1'",
        "occurred_ts": "moment",
        "known_ts": "moment",
    },
}


@dataclass(frozen=True)
class Traffic:
    """What a store is filled with.

    Attributes:
        name: What it is called in the output.
        rows: How many requests.
        ids: SQL of an id, over a row number `n` and its time `moment`.
        batches: SQL condition of the rows of each batch, over `n`.
    """

    name: str
    rows: int
    ids: str
    batches: tuple[str, ...]

    def source(self, batch: str) -> str:
        """SELECT of n, moment and id of a batch."""
        start = "TIMESTAMPTZ '2026-07-01 00:00:00+00'"
        moment = f"{start} + to_microseconds(n * {DAYS * 86_400 * 1_000_000 // self.rows})"
        return (
            f"SELECT *, {self.ids} AS id FROM (SELECT n, {moment} AS moment FROM range({self.rows}) t(n) WHERE {batch})"
        )


def traffics(rows: int) -> dict[str, Traffic]:
    """The three stores."""
    in_order = tuple(f"n BETWEEN {start} AND {start + BATCH_RECORDS - 1}" for start in range(0, rows, BATCH_RECORDS))
    count = max(1, min(100, rows // 10_000))
    scattered = tuple(f"n % {count} = {batch}" for batch in range(count))
    return {
        "random": Traffic("random ids", rows, _RANDOM, in_order),
        "time-ordered": Traffic("time-ordered ids", rows, _ORDERED, in_order),
        "scattered": Traffic(f"random ids, {count} batches of {DAYS} days", rows, _RANDOM, scattered),
    }


def fill(space: Workspace, traffic: Traffic) -> None:
    """Commits every batch to an empty store."""
    store = Store(space.store)
    with store.writing(space.key, NOW) as writer, Engine() as engine:
        for number, batch in enumerate(traffic.batches):
            files = list(staged(store, engine, traffic.source(batch)))
            facts: dict[str, Any] = {
                "batch": traffic.name,
                "number": number,
                "file": "bench",
                "file_sha256": "0" * 64,
                "types": {},
            }
            writer.commit("ingest", facts, files, at=stamp(NOW))


def staged(store: Store, engine: Engine, source: str) -> Iterator[StagedFile]:
    """The files of a batch."""
    engine.execute(f"CREATE OR REPLACE TEMP TABLE batch AS {source}")
    requests = rows_of(engine, REQUESTS, {})
    yield from store.stage_days(REQUESTS, requests)
    yield from store.stage_days(DECISIONS, rows_of(engine, DECISIONS, {}))
    outcomes = rows_of(engine, OUTCOMES, {}, "WHERE hash(n) % 10 = 0")
    if outcomes.num_rows:
        yield from store.stage_days(OUTCOMES, outcomes, facts={"indexed": True})
        yield stage_index(store, SIDE_INDEX, side_index_rows({"outcomes": outcomes}))
    wide = {f"f{number}": f"(hash(n + {number}) % 1000000)::DOUBLE" for number in range(INPUTS)}
    for table in (FEATURES, ATTRIBUTIONS):
        rows = rows_of(engine, table, wide)
        folder = model_folder(table.name, "credit", rows)
        yield from store.stage_days(table, rows, folder=folder, facts={"model": "credit"})
    yield stage_index(store, INDEX, index_rows({"requests": requests}, engine))


def rows_of(engine: Engine, table: Table, wide: Mapping[str, str], where: str = "") -> pa.Table:
    """The rows of one table for the batch; what is not said of a column is null."""
    said = {"file_sha256": f"'{'0' * 64}'", "row_no": "n + 1", "is_conflict": "false"} | _ROWS[table.name]
    columns = [f"CAST({said.get(column.name, 'NULL')} AS {column.type}) AS {column.name}" for column in table.columns]
    columns += [f"{sql} AS {name}" for name, sql in wide.items()]
    found = engine.arrow(f"SELECT {', '.join(columns)} FROM batch {where} ORDER BY n")
    fixed = schema(table)
    return found.cast(pa.schema([*fixed, *list(found.schema)[len(fixed) :]]))


def ids(traffic: Traffic) -> list[str]:
    """Ids of requests all over the store."""
    dice = random.Random(11)
    chosen = ", ".join(f"({dice.randrange(traffic.rows)}::BIGINT)" for _ in range(LOOKUPS))
    with Engine() as engine:
        listed = traffic.source("true").replace(f"range({traffic.rows}) t(n)", f"(VALUES {chosen}) t(n)")
        return [row[0] for row in engine.rows(f"SELECT id FROM ({listed})")]


def warm(space: Workspace, wanted: list[str]) -> None:
    """Times each look-up but the first and prints the medians."""
    snapshot = Store(space.store).snapshot()
    with Engine() as engine:
        open_casefile(snapshot, engine, wanted[0])
        measured = [timed(lambda one=one: find_one(snapshot, engine, one)) for one in wanted[1:]]  # type: ignore[misc]
        _print("record", measured)
        measured = [timed(lambda one=one: _whole(snapshot, engine, one)) for one in wanted[1:]]  # type: ignore[misc]
        _print("whole", measured)


def _whole(snapshot: Snapshot, engine: Engine, one: str) -> None:
    case = open_casefile(snapshot, engine, one)
    if case.request["request_id"] != one or not len(case.decisions) == len(case.rows["attributions"]) == 1:
        raise SystemExit(f"the store does not hold what was put into it: {one}")


def _print(what: str, measured: list[Times]) -> None:
    walls, used = ([times[place] * 1000 for times in measured] for place in (0, 1))
    print(
        f"  {what:7} {statistics.median(walls):9.1f} ms (longest {max(walls):.1f}, {len(walls)} ids), "
        f"{statistics.median(used):.1f} ms of CPU"
    )


def process(command: list[str], folder: Path) -> tuple[float, float]:
    """CPU and wall-clock milliseconds of a new process, from its start to its exit.

    Modules are compiled once, as they are where pip installed the package.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise SystemExit(f"{command} ended with status {status}")
    return (usage.ru_utime + usage.ru_stime) * 1000, wall * 1000


def commands(space: Workspace, wanted: list[str]) -> None:
    """Times both processes in turns and prints their medians."""
    times: dict[str, list[tuple[float, float]]] = {"explain": [], "connect": []}
    for one in [wanted[0], *wanted[:PROCESSES]]:  # the first fills the caches of the operating system
        times["connect"].append(process([sys.executable, "-c", CONNECT], space.root))
        times["explain"].append(process([sys.executable, "-m", "governance", "explain", one], space.root))
    median = {name: [statistics.median(kind) for kind in zip(*own[1:], strict=True)] for name, own in times.items()}
    for place, kind in enumerate(("CPU", "wall")):
        explain, connect = median["explain"][place], median["connect"][place]
        print(
            f"  explain {kind:4} {explain:7.0f} ms, import and connect {connect:4.0f} ms: {explain / connect:.2f} times"
        )


class Times(NamedTuple):
    """Seconds that something took."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Times:
    """How long it takes."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return Times(time.perf_counter() - start, time.process_time() - used)


def main() -> None:
    """Makes each store and measures."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    stores = traffics(rows)
    with tempfile.TemporaryDirectory() as name:
        environment = {**os.environ, "XDG_CONFIG_HOME": name}
        for number, traffic in enumerate(stores[which] for which in sys.argv[2:] or stores):
            space = make_workspace(Path(name) / f"store{number}", environment=environment, now=stamp(NOW))
            taken = timed(lambda space=space, traffic=traffic: fill(space, traffic))  # type: ignore[misc]
            print(f"{traffic.name}: {rows:,} requests, made in {taken.wall:.0f} s", flush=True)
            wanted = ids(traffic)
            measure(space, wanted)
            compact(space, now=NOW)
            measure(space, wanted)


def measure(space: Workspace, wanted: list[str]) -> None:
    """Prints what each way to look up takes in the store as it is."""
    files = sum(map(len, Store(space.store).snapshot().segments.values()))
    print(f" in {files:,} files", flush=True)
    warm(space, wanted)
    commands(space, wanted)


if __name__ == "__main__":
    main()
