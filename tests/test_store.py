"""The store: views that anybody can run, states that can be read again, and what it can be asked about a copy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from governance.engines.duckdb import Engine
from governance.errors import NotFoundError
from governance.inventory import status
from governance.storage.store import Store
from tests.logbooks import MAPPING, NOW, Logbook, logbook

FEATURES = MAPPING + "features: [income]\nsubjects: {sex: sex}\n"
LOG = "id,at,score,decision,income,sex\nr1,2026-07-01T10:00:00Z,0.5,yes,10,f\nr2,2026-07-02T10:00:00Z,0.7,no,20,m\n"
REVIEWS = "source: s\ntable: reviews\ncolumns: {request_id: id, requested_ts: at, outcome: o}\n"


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    book = logbook(tmp_path)
    book.read("reviews.csv", "id,at,o\nr1,2026-07-03T00:00:00Z,confirmed\n", REVIEWS)
    book.read("log.csv", LOG, FEATURES)
    book.read("again.csv", LOG.replace("0.5", "0.6"), FEATURES)
    return book


def test_the_views_run_in_a_bare_duckdb(book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
    script = book.snapshot.views_sql()
    monkeypatch.chdir(book.workspace.store)
    with duckdb.connect() as connection:
        connection.execute(script)
        for name in book.snapshot.views():
            connection.sql(f'SELECT * FROM "{name}"').to_arrow_table()
        own = [
            ("requests", 2),
            ("decisions", 2),
            ("features:credit", 2),
            ("subjects", 2),
            ("attempts", 0),
            ("reviews", 1),
        ]
        assert [(name, connection.execute(f'SELECT count(*) FROM "{name}"').fetchall()[0][0]) for name, _ in own] == own
        assert connection.execute("SELECT request_uid FROM reviews").fetchall() == [("loans:r1",)]
    assert str(book.workspace.store) not in script


def test_an_empty_store_has_every_view(tmp_path: Path) -> None:
    book = logbook(tmp_path)
    for name in ("requests", "decisions", "subjects", "reviews", "findings", "quarantine", "identities"):
        assert book.rows(f"SELECT * FROM {name}") == []


def test_every_state_can_be_read_again(book: Logbook) -> None:
    store = Store(book.workspace.store)
    counts = []
    for size in range(1, store.snapshot().checkpoint.size + 1):
        with Engine() as engine:
            store.snapshot(size).attach(engine)
            counts.append((engine.value("SELECT count(*) FROM reviews"), engine.value("SELECT count(*) FROM requests")))
    assert counts == [(0, 0), (1, 0), (1, 0), (1, 2), (1, 2), (1, 2), (1, 2)]
    for size in (0, -1, 8):
        with pytest.raises(NotFoundError, match=f"no state as of {size}"):
            store.snapshot(size)


def test_files_are_named_by_their_bytes_and_lie_in_the_folders_of_their_days(book: Logbook) -> None:
    days = {path.parent.name for path in (book.workspace.store / "requests").rglob("*.parquet")}
    assert days == {"date=2026-07-01", "date=2026-07-02"}
    found = list(book.workspace.store.rglob("*.parquet"))
    named = subprocess.run(["sha256sum", *map(str, found)], check=True, capture_output=True, text=True).stdout
    assert all(line.split()[0] == Path(line.split()[1]).stem for line in named.splitlines())
    assert not [path for path in book.workspace.store.rglob(".tmp-*") if "cache" not in path.parts]


def test_status_says_what_is_there(book: Logbook) -> None:
    found = status(book.workspace.store)
    tables = {row["table"]: row["rows"] for row in found["tables"]}
    assert tables["requests"] == 3
    assert (found["conflicts"], found["unmatched"]) == (1, {"reviews": 0})


def test_names_from_logs_never_become_paths(book: Logbook) -> None:
    mapping = FEATURES.replace("{constant: credit}", "m")
    log = 'id,at,score,decision,income,sex,m\nx1,2026-07-01T10:00:00Z,0.5,yes,10,f,"../../../escape"\n'
    assert book.read("hostile.csv", log, mapping).stored == 1
    assert "../../../escape" in book.snapshot.models()
    inside = {path.name.partition("=")[0] for path in (book.workspace.store / "features").iterdir()}
    assert inside == {"model"}
    assert not list(book.folder.rglob("escape*"))
    assert book.values('SELECT income FROM "features:../../../escape"') == [10.0]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_an_engine_reads_nothing_that_it_was_not_given(book: Logbook) -> None:
    with Engine() as engine:
        book.snapshot.attach(engine)
        local = engine.arrow("SELECT 1 AS secret")
        assert local.num_rows == 1
        with pytest.raises(Exception, match="does not exist"):
            engine.rows("SELECT * FROM local")
        settings = engine.rows(
            "SELECT name, value FROM duckdb_settings() WHERE name IN ('autoinstall_known_extensions', 'TimeZone')"
        )
        assert dict(settings) == {"autoinstall_known_extensions": "false", "TimeZone": "UTC"}


def test_many_readings_are_sealed_in_several_entries(book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.storage.store.READINGS", 3)
    spool = book.workspace.store / "spool"
    spool.mkdir(exist_ok=True)
    for place in range(7):
        (spool / f"{place}.json").write_text(f'{{"requests": ["r{place}"]}}')
    with Store(book.workspace.store).writing(book.workspace.key, NOW):
        pass
    assert [len(entry.facts["events"]) for entry in book.snapshot.of_kind("readings")] == [3, 3, 1]
    assert list(spool.iterdir()) == []
