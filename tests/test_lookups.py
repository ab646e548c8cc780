"""Look-ups open few files, and find what reading every file finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from governance.compaction import compact
from governance.engines.duckdb import Engine
from governance.errors import GovernanceError, LedgerError, NotFoundError
from governance.explained.casefile import open_casefile
from governance.identities.index_files import index_rows
from governance.storage.store import Snapshot
from tests.logbooks import MAPPING, NOW, Logbook, logbook

MAPPED = MAPPING.replace("score: score", "score: score\n  client_request_id: client\n  decision_ts: decided")
MAPPED += "features: [income]\nsubjects: {sex: sex}\n"
ATTEMPTS = "source: loans\ntable: attempts\ncolumns: {request_id: id, start_ts: at, attempt_no: no, provider: by}\n"
REVIEWS = "source: s\ntable: reviews\ncolumns: {request_id: id, requested_ts: at, outcome: o}\n"


def log(batch: int, *, income: int = 1000) -> str:
    """Twenty requests all over three days, whose decisions may be of the next day; each batch has other ids."""
    lines = [
        {
            "id": f"r{batch}-{number}",
            "at": f"2026-07-0{1 + number % 3}T23:{number:02d}:00Z",
            "decided": f"2026-07-0{1 + number % 3 + number % 2}T23:59:00Z",
            "score": number / 20,
            "decision": "yes",
            "client": f"c{number % 7}-{batch % 2}" if number % 5 == 0 else f"c{batch}-{number}",
            "income": income + number,
            "sex": "f",
        }
        for number in range(20)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.fixture(name="book", scope="module")
def made_book(tmp_path_factory: pytest.TempPathFactory) -> Logbook:
    """Batches of the same days, one of them again with other content, attempts and reviews in files of their own."""
    book = logbook(tmp_path_factory.mktemp("book"))
    for batch in range(6):
        book.read(f"log{batch}.jsonl", log(batch), MAPPED)
    book.read("again.jsonl", log(2, income=2000), MAPPED)
    book.read("attempts.csv", "id,at,no,by\nr2-4,2026-07-02T23:04:00Z,1,b\nr3-5,2026-07-03T23:05:00Z,0,a\n", ATTEMPTS)
    book.read("side.csv", "id,at,o\nr1-1,2026-08-01T00:00:00Z,good\nr2-4,2026-08-02T00:00:00Z,good\n", REVIEWS)
    return book


@pytest.fixture(name="snapshot", params=["as ingested", "compacted", "compacted, and more"], scope="module")
def made_snapshot(request: pytest.FixtureRequest, book: Logbook) -> Snapshot:
    """The parameters run in this order."""
    if request.param == "compacted":
        compact(book.workspace, now=NOW)
    elif request.param == "compacted, and more":
        book.read("log7.jsonl", log(7), MAPPED)
        book.read("once more.jsonl", log(4, income=3000), MAPPED)
    return book.snapshot


def knowing_nothing(snapshot: Snapshot) -> Snapshot:
    """The same store, whose look-ups know of no filter and of no batch."""
    other = replace(snapshot)
    for table, segments in snapshot.segments.items():
        other.segments[table] = [segment._replace(batches=None, key_filter=None) for segment in segments]
    return other


def found(snapshot: Snapshot, engine: Engine, wanted: str) -> Any:
    try:
        case = open_casefile(snapshot, engine, wanted)
    except (GovernanceError, NotFoundError) as error:
        return str(error)
    rows = {table: [sorted(row.items(), key=str) for row in own] for table, own in case.rows.items()}
    return case.request, case.decisions, rows, case.conflicts


def wanted_ids() -> Iterator[str]:
    for batch in range(8):
        for number in (0, 4, 5, 15):
            yield from (f"r{batch}-{number}", f"loans:r{batch}-{number}#0", f"c{batch}-{number}", f"c{number}-{batch}")


def test_every_id_finds_what_reading_everything_finds(snapshot: Snapshot) -> None:
    plain = knowing_nothing(snapshot)
    with Engine() as engine:
        answers = {wanted: found(snapshot, engine, wanted) for wanted in wanted_ids()}
        assert answers == {wanted: found(plain, engine, wanted) for wanted in answers}
    errors = " ".join(answer for answer in answers.values() if isinstance(answer, str))
    assert "no request has this id" in errors
    assert "the id names 3 requests" in errors
    assert {answer[3] for answer in answers.values() if not isinstance(answer, str)} == {0, 1}  # conflicts
    assert answers["r2-4"][2]["attempts"]
    assert answers["r2-4"][2]["reviews"]


def test_files_of_other_batches_are_not_opened(tmp_path: Path) -> None:
    """What is not looked at may as well not be there."""
    book = logbook(tmp_path)
    for batch in range(4):
        book.read(f"log{batch}.jsonl", log(batch), MAPPED)
    own, others = book.snapshot.of_kind("ingest")[1], book.snapshot.of_kind("ingest")
    for file in (file for entry in others if entry.number != own.number for file in entry.files):
        path = book.workspace.store / file.path
        content = path.read_bytes()
        path.unlink()
        if "filter" in file.facts:  # of an index, this alone is read
            at, size = file.facts["filter"]
            path.write_bytes(bytes(at) + content[at : at + size])
    with Engine() as engine:
        case = open_casefile(book.snapshot, engine, "r1-4")
        assert {segment.batches for segment in case.files.values()} == {frozenset([own.number])}
        with pytest.raises(LedgerError):
            open_casefile(book.snapshot, engine, "r2-4")


def test_a_filter_that_hides_a_request_is_found(tmp_path: Path) -> None:
    book = logbook(tmp_path)
    book.read("log.jsonl", log(1), MAPPED)
    (segment,) = book.snapshot.segments["index"]
    assert segment.key_filter is not None
    at, size = segment.key_filter
    path = book.snapshot.path(segment)
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(content[:at] + bytes(size) + content[at + size :])
    with Engine() as engine, pytest.raises(LedgerError, match="not the one that the ledger names"):
        open_casefile(book.snapshot, engine, "r1-4")
    assert not book.verifies()


def test_an_index_file_that_is_missing_is_found(tmp_path: Path) -> None:
    book = logbook(tmp_path)
    book.read("log.jsonl", log(1), MAPPED)
    (segment,) = book.snapshot.segments["index"]
    book.snapshot.path(segment).unlink()
    unfiltered = segment._replace(key_filter=None)
    with Engine() as engine:
        with pytest.raises(LedgerError, match="cannot be read"):
            open_casefile(book.snapshot, engine, "r1-4")
        assert index_rows(book.workspace.store, engine, [unfiltered], [], "row_no") == []
