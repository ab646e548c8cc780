"""Casefiles: any id finds its request, from files whose digests are checked; a read-only store will do."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from governance.engines.duckdb import Engine
from governance.errors import GovernanceError, LedgerError, NotFoundError
from governance.explained.casefile import Casefile, open_casefile
from governance.identities.keys import key_of
from tests.logbooks import MAPPING, Logbook, logbook

COLUMNS = MAPPING.replace(
    "score: score",
    "score: score\n  client_request_id: client\n  response_id: response\n  trace_id: trace\n  decision_ts: decided",
)
LINE = {
    "id": "r1",
    "at": "2026-07-01T23:59:00Z",
    "decided": "2026-07-02T00:01:00Z",
    "score": 0.5,
    "decision": "yes",
    "client": "c1",
    "response": "resp1",
    "trace": "aa",
    "income": 1000,
    "sex": "f",
}
MORE = COLUMNS + "features: [income]\nsubjects: {sex: sex}\n"


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    book = logbook(tmp_path)
    other = LINE | {"id": "r2", "client": "c2", "response": "resp2", "income": 2000}
    book.read("log.jsonl", json.dumps(LINE) + "\n" + json.dumps(other) + "\n", MORE)
    return book


def open_(book: Logbook, wanted: str, as_of: int | None = None) -> Casefile:
    from governance.storage.store import Store

    with Engine() as engine:
        return open_casefile(Store(book.workspace.store).snapshot(as_of), engine, wanted)


@pytest.mark.parametrize("wanted", ["r1", "c1", "resp1", "loans:r1", "loans:r1#0", "r1#0", "c1#0"])
def test_any_id_finds_the_request_with_all_that_belongs_to_it(book: Logbook, wanted: str) -> None:
    """The decision was made after midnight, in the file of another day than the request."""
    case = open_(book, wanted)
    assert case.request["request_id"] == "r1"
    assert [row["decision_id"] for row in case.decisions] == ["loans:r1#0"]
    assert [row["income"] for row in case.of_decision("features", "loans:r1#0")] == [1000.0]
    assert [row["sex"] for row in case.of_decision("subjects", "loans:r1#0")] == ["f"]
    assert {path.split("/")[0] for path in case.files} == {"requests", "decisions", "features", "subjects"}
    assert all((book.workspace.store / path).is_file() for path in case.files)


def test_an_ambiguous_id_is_refused_with_the_list(book: Logbook) -> None:
    with pytest.raises(GovernanceError, match="the id names 2 requests: loans:r1, loans:r2") as caught:
        open_(book, "aa")
    assert caught.value.exit_code == 2
    many = "".join(json.dumps(LINE | {"id": f"m{place:02d}", "trace": "bb"}) + "\n" for place in range(30))
    book.read("many.jsonl", many, MORE)
    with pytest.raises(GovernanceError, match=r"names 30 requests: loans:m00, .*loans:m09 and 20 more"):
        open_(book, "bb")


ASSESSED = """\
source: judge
table: assessments
columns: {request_id: id, name: {constant: good}, score: score, created_ts: {column: at, format: iso}}
"""


@pytest.mark.parametrize("order", ["requests first", "assessment first"])
def test_a_hit_of_a_cache_does_not_take_the_id_of_the_answer_that_it_repeats(tmp_path: Path, order: str) -> None:
    book = logbook(tmp_path)
    asked = LINE | {"trace": None, "cache": "miss"}
    hits = [asked | {"id": f"hit{place}", "client": None, "cache": "exact_hit"} for place in range(2)]
    text = "".join(json.dumps(line) + "\n" for line in (asked, *hits))
    columns = MORE.replace("score: score", "score: score\n  cache_status: cache")
    judged = json.dumps({"id": "resp1", "score": 1, "at": "2026-07-03T00:00:00Z"}) + "\n"
    if order == "requests first":
        book.read("log.jsonl", text, columns)
        book.read("judged.jsonl", judged, ASSESSED)
    else:
        book.read("judged.jsonl", judged, ASSESSED)
        book.read("log.jsonl", text, columns)
    case = open_(book, "resp1")
    assert case.request["request_id"] == "r1"
    assert [row["score"] for row in case.rows["assessments"]] == [1.0]
    assert open_(book, "hit1").rows["assessments"] == []
    assert book.values("SELECT request_uid FROM assessments") == ["loans:r1"]


def test_hits_of_an_answer_that_nobody_logged_are_ambiguous(tmp_path: Path) -> None:
    book = logbook(tmp_path)
    columns = MORE.replace("score: score", "score: score\n  cache_status: cache")
    hits = [LINE | {"id": f"hit{place}", "client": None, "trace": None, "cache": "exact_hit"} for place in range(2)]
    book.read("log.jsonl", "".join(json.dumps(line) + "\n" for line in hits), columns)
    with pytest.raises(GovernanceError, match="names 2 requests"):
        open_(book, "resp1")


def test_an_unknown_id_gets_the_nearest_one(book: Logbook, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no request has this id") as caught:
        open_(book, "resp3")
    assert caught.value.hint in ("did you mean 'resp1'?", "did you mean 'resp2'?")
    with pytest.raises(NotFoundError) as caught:
        open_(book, "' OR 1=1 --")
    assert caught.value.hint
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError) as caught:
        open_(logbook(tmp_path / "empty"), "r1")
    assert "store is empty" in str(caught.value.hint)


def test_ids_with_signs_in_them_do_not_run_together(book: Logbook) -> None:
    ids = ["x", "x#1", "x#1#0", "a:b", "loans:x"]
    text = "".join(
        json.dumps(LINE | {"id": name, "client": None, "response": None, "trace": None, "income": place}) + "\n"
        for place, name in enumerate(ids)
    )
    book.read("odd.jsonl", text, MORE)
    for place, name in enumerate(ids[:4]):
        case = open_(book, name)
        assert case.request["request_id"] == name
        assert [row["income"] for row in case.rows["features"]] == [float(place)]
    with pytest.raises(GovernanceError, match="names 2 requests"):
        open_(book, "loans:x")  # the id of one request, and the uid of another


SIDES = {
    "reviews": ("requested_ts", "outcome"),
    "outcomes": ("known_ts", "name"),
    "assessments": ("created_ts", "name"),
}


@pytest.mark.parametrize("table", SIDES)
@pytest.mark.parametrize("target", ["r1", "c1", "resp1", "loans:r1", "loans:r1#0"])
def test_what_came_before_its_request_belongs_to_it(tmp_path: Path, table: str, target: str) -> None:
    book = logbook(tmp_path)
    time, what = SIDES[table]
    mapping = f"source: s\ntable: {table}\ncolumns: {{request_id: id, {time}: at, {what}: o}}\n"
    side = f"id,at,o\n{target},2026-07-03T00:00:00Z,good\nr2,2026-07-03T00:00:00Z,bad\naa,2026-07-03T00:00:00Z,none\n"
    book.read("side.csv", side, mapping)
    book.read("log.jsonl", "".join(json.dumps(LINE | {"id": one} | more) + "\n" for one, more in
              [("r1", {}), ("r2", {"client": "c2", "response": "resp2"})]), MORE)  # fmt: skip
    case = open_(book, "r1")
    assert [(row[what], row["decision_id"]) for row in case.rows[table]] == [("good", "loans:r1#0")]


def test_a_tampered_file_is_found(book: Logbook) -> None:
    paths = [path for table in ("requests", "features") for path in (book.workspace.store / table).rglob("*.parquet")]
    for path in paths:
        content = path.read_bytes()
        path.chmod(0o644)
        for spot in (0, 10, len(content) // 2, len(content) - 6):
            path.write_bytes(content[:spot] + bytes([content[spot] ^ 1]) + content[spot + 1 :])
            with pytest.raises(LedgerError, match="not the one that the ledger names") as caught:
                open_(book, "r1")
            assert caught.value.exit_code == 3
            assert caught.value.where == path.relative_to(book.workspace.store).as_posix()
        path.write_bytes(content)
    assert open_(book, "r1").request


def test_a_missing_file_is_found(book: Logbook) -> None:
    next((book.workspace.store / "decisions").rglob("*.parquet")).unlink()
    with pytest.raises(LedgerError, match="cannot be read"):
        open_(book, "r1")


def test_an_index_that_hides_a_request_or_names_another_is_found(book: Logbook) -> None:
    (path,) = (book.workspace.store / "index").glob("*.parquet")
    table = pq.read_table(path)
    rows = table.to_pylist()
    hidden = [row for row in rows if row["key"] != key_of("r1")]
    moved = [row | ({"row_no": 2} if row["key"] == key_of("r1") else {}) for row in rows]
    assert len(hidden) < len(rows)
    assert moved != rows
    for changed in (hidden, moved):
        path.unlink()
        pq.write_table(pa.Table.from_pylist(changed, table.schema), path)
        with pytest.raises(LedgerError):
            open_(book, "r1")


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    paths = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in paths:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path in paths:
            path.chmod(0o755)


def test_a_store_that_cannot_be_written_can_be_read(book: Logbook) -> None:
    before = book.digest()
    with read_only(book.workspace.store):
        if os.access(book.workspace.store, os.W_OK) and os.geteuid() != 0:
            pytest.fail("the folder should not be writable")
        assert open_(book, "r1").request["request_id"] == "r1"
    assert book.digest() == before


def test_as_of_an_earlier_state_there_is_no_later_request(book: Logbook) -> None:
    size = book.snapshot.checkpoint.size
    book.read("late.jsonl", json.dumps(LINE | {"id": "late"}) + "\n", MORE)
    assert open_(book, "late").request
    with pytest.raises(NotFoundError):
        open_(book, "late", as_of=size)


def test_rows_of_side_tables_are_found_by_their_index_alone(book: Logbook) -> None:
    """Of twenty days with a review of somebody else, the one day is read on which this request was reviewed."""
    mapping = "source: s\ntable: reviews\ncolumns: {request_id: id, requested_ts: at, outcome: o}\n"
    for day in range(1, 21):
        name = "r1" if day == 7 else "r2"
        book.read(f"side{day}.csv", f"id,at,o\n{name},2026-08-{day:02d}T00:00:00Z,good\n", mapping)
    snapshot = book.snapshot
    assert all(segment.indexed for segment in snapshot.segments["reviews"])
    for segment in snapshot.segments["reviews"]:
        if segment.day != "2026-08-07":
            snapshot.path(segment).unlink()  # what is not looked at may as well not be there
    case = open_(book, "r1")
    assert [row["requested_ts"][:10] for row in case.rows["reviews"]] == ["2026-08-07"]
    with pytest.raises(LedgerError, match="cannot be read"):
        open_(book, "r2")


def test_side_files_that_no_index_names_are_read_always(book: Logbook) -> None:
    """As stores have them that were written before there was an index of them."""
    mapping = "source: s\ntable: reviews\ncolumns: {request_id: id, requested_ts: at, outcome: o}\n"
    book.read("side.csv", "id,at,o\nr1,2026-08-01T00:00:00Z,good\n", mapping)
    snapshot = book.snapshot
    (segment,) = snapshot.segments["reviews"]
    snapshot.segments["reviews"] = [segment._replace(indexed=False)]
    del snapshot.segments["side-index"]
    with Engine() as engine:
        assert [row["outcome"] for row in open_casefile(snapshot, engine, "r1").rows["reviews"]] == ["good"]
