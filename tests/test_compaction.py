"""Compaction: many small files become few, no value changes, and what was true before can still be read and proven."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest

from governance import compaction
from governance.compaction import Compaction, compact, plan
from governance.engines.duckdb import Engine, identifier
from governance.errors import BusyError, LedgerError
from governance.explained.casefile import open_casefile
from governance.proof.ledger import NamedFile, StagedFile
from governance.storage import merges
from governance.storage.segments import COMPACTION
from governance.storage.store import Snapshot, Store
from governance.verification import verify
from tests.logbooks import MAPPING, NOW, Logbook, logbook
from tests.reference_store import AT, in_child, named
from tests.test_commits import Interruption

MAPPED = MAPPING + "features: [income]\nsubjects: {sex: sex}\n"
REVIEWS = "source: s\ntable: reviews\ncolumns: {request_id: id, requested_ts: at, outcome: o}\n"
HEAD = "id,at,score,decision,income,sex\n"


def day(number: int) -> str:
    """Two requests of one day; the scores are hard to keep: a negative zero, and none."""
    at = f"2026-07-{number:02d}"
    return f"r{number}a,{at}T10:00:00Z,-0.0,yes,{number},f\nr{number}b,{at}T09:00:00Z,,no,{number}.5,m\n"


@pytest.fixture(name="original", scope="module")
def made_original(tmp_path_factory: pytest.TempPathFactory) -> Logbook:
    """Seven files of one month and one of another; reviews, a conflict, an unreadable line."""
    book = logbook(tmp_path_factory.mktemp("original"))
    for number in range(1, 7):
        book.read(f"log{number}.csv", HEAD + day(number), MAPPED)
        book.read(f"reviews{number}.csv", f"id,at,o\nr{number}a,2026-07-20T00:0{number}:00Z,confirmed\n", REVIEWS)
    book.read("again.csv", HEAD + day(1).replace("yes", "no") + "r9,no time,1,yes,1,f\n", MAPPED)
    book.read("late.csv", "id,at,o\nr30a,2026-07-21T00:00:00Z,overridden\n", REVIEWS)
    book.read("august.csv", HEAD + day(1).replace("2026-07", "2026-08").replace("r1", "r8"), MAPPED)
    return book


@pytest.fixture
def book(original: Logbook, tmp_path: Path) -> Logbook:
    return _copy(original, tmp_path)


def compacted(book: Logbook) -> Compaction:
    return compact(book.workspace, now=NOW)


def content(snapshot: Snapshot) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every view as text, in some fixed order: NaN, -0.0 and the columns' order and types show."""
    found = {}
    with Engine() as engine:
        snapshot.attach(engine)
        for name in snapshot.views():
            columns = engine.columns(identifier(name))
            texts = ", ".join(f"{identifier(column)}::VARCHAR" for column in columns)
            rows = engine.rows(f"SELECT {texts} FROM {identifier(name)} ORDER BY ALL")
            found[name] = [tuple(columns.items()), *rows]
    return found


def test_every_row_of_every_table_stays_as_it_was(book: Logbook) -> None:
    before, files = content(book.snapshot), book.snapshot.segments
    done = compacted(book)
    assert {item.table: (item.files, item.files_after) for item in done.tables} == {
        "requests": (8, 2),
        "decisions": (8, 2),
        "features": (8, 2),
        "subjects": (8, 2),
        "index": (8, 1),
        "reviews": (7, 1),
        "side-index": (7, 1),
    }
    assert done.left == ()
    assert content(book.snapshot) == before
    after = book.snapshot.segments
    assert {table: sum(s.rows for s in own) for table, own in after.items()} == {
        table: sum(s.rows for s in own) for table, own in files.items()
    }
    assert verify(book.workspace.store).ok


def test_a_merged_file_lies_in_its_month_and_says_what_it_replaces(book: Logbook) -> None:
    before = {segment.path for segment in book.snapshot.segments["features"]}
    compacted(book)
    entries = book.snapshot.of_kind(COMPACTION)
    (entry,) = (entry for entry in entries if entry.facts["table"] == "features")
    (file,) = entry.files
    assert file.path.startswith("features/model=")
    assert file.path.endswith(f"/month=2026-07/{file.sha256}.parquet")
    assert (file.facts["day"], file.facts["last_day"], file.facts["model"]) == ("2026-07-01", "2026-07-06", "credit")
    assert set(file.facts["replaces"]) <= before
    assert entry.facts == {"table": "features", "replaced": 7, "files": 1, "rows": 13}


def test_earlier_states_are_read_from_the_files_of_then(book: Logbook) -> None:
    store = Store(book.workspace.store)
    sizes = range(1, store.snapshot().checkpoint.size + 1)
    before = [content(store.snapshot(size)) for size in sizes]
    script = store.snapshot().views_sql()
    compacted(book)
    assert [content(store.snapshot(size)) for size in sizes] == before
    assert store.snapshot(sizes[-1]).views_sql() == script


def test_both_scripts_of_views_run_in_a_bare_duckdb(book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = [book.snapshot.views_sql()]
    compacted(book)
    scripts.append(book.snapshot.views_sql())
    assert len(scripts[1]) < len(scripts[0])
    monkeypatch.chdir(book.workspace.store)
    counts = []
    for script in scripts:
        with duckdb.connect() as connection:
            connection.execute(script)
            counts.append(connection.execute("SELECT count(*), sum(score) FROM decisions").fetchall())
    assert counts[0] == counts[1]


def test_a_second_run_has_nothing_to_do(book: Logbook) -> None:
    size = compacted(book).ledger_size
    again = compacted(book)
    assert (again.tables, again.left, again.ledger_size) == ((), (), size)


def test_a_merged_file_is_merged_again_with_what_came_later(book: Logbook) -> None:
    compacted(book)
    for number in range(11, 16):
        book.read(f"log{number}.csv", HEAD + day(number), MAPPED)
    before = content(book.snapshot)
    done = {item.table: item.files_after for item in compacted(book).tables}
    assert done["requests"] == 2
    assert content(book.snapshot) == before
    assert verify(book.workspace.store).ok


def test_a_dry_run_says_the_same_and_changes_nothing(book: Logbook) -> None:
    before = book.digest()
    planned = compact(book.workspace, now=NOW, dry_run=True)
    assert book.digest() == before
    done = compacted(book)
    assert [(i.table, i.files, i.files_after, i.rows) for i in planned.tables] == [
        (i.table, i.files, i.files_after, i.rows) for i in done.tables
    ]


def test_what_came_before_its_request_still_finds_it(book: Logbook) -> None:
    compacted(book)
    book.read("log30.csv", HEAD + day(30), MAPPED)
    assert book.values("SELECT request_uid FROM reviews WHERE target_id = 'r30a'") == ["loans:r30a"]
    assert book.read("again30.csv", HEAD + day(30), MAPPED).duplicates == 2
    assert book.read("again2.csv", HEAD + day(2), MAPPED).duplicates == 2


def test_files_of_other_columns_are_not_merged(tmp_path: Path) -> None:
    book = logbook(tmp_path)
    for number in range(1, 9):
        own = MAPPED if number % 2 else MAPPED.replace("{sex: sex}", "{sex: sex, band: income}")
        book.read(f"log{number}.csv", HEAD + day(number), own)
    before = content(book.snapshot)
    done = {item.table: item.files_after for item in compacted(book).tables}
    assert (done["requests"], done["subjects"]) == (1, 2)
    assert content(book.snapshot) == before


def test_large_files_are_left_alone(book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
    requests = book.snapshot.segments["requests"]
    largest = max(segment.bytes for segment in requests)
    monkeypatch.setattr(compaction, "TARGET_BYTES", largest)
    assert "requests" not in {merge.table for merge in plan(book.snapshot)}
    monkeypatch.setattr(compaction, "TARGET_BYTES", 4 * largest)
    assert [len(merge.segments) for merge in plan(book.snapshot) if merge.table == "requests"] == [4]


def test_large_files_of_the_index_with_a_filter_are_left_alone(book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up asks their filters, and opens hardly any of them."""
    before = book.snapshot.segments["index"]
    smallest = min(segment.bytes for segment in before)
    monkeypatch.setattr("governance.compaction.LARGE_INDEX_BYTES", smallest)
    compacted(book)
    assert [segment.path for segment in book.snapshot.segments["index"]] == [segment.path for segment in before]
    monkeypatch.setattr("governance.compaction.LARGE_INDEX_BYTES", 1 << 20)
    compacted(book)
    assert len(book.snapshot.segments["index"]) == 1


def test_columns_that_differ_in_case_alone_are_not_merged() -> None:
    assert merges.is_kept((("a b", "BIGINT"), ("c", "TIMESTAMP WITH TIME ZONE")))
    assert not merges.is_kept((("a", "BIGINT"), ("A", "BIGINT")))


def test_a_file_that_was_changed_gets_no_good_digest(book: Logbook) -> None:
    segment = book.snapshot.segments["requests"][3]
    path = book.snapshot.path(segment)
    path.chmod(0o644)
    path.write_bytes(book.snapshot.path(book.snapshot.segments["requests"][4]).read_bytes())
    with pytest.raises(LedgerError, match="not the one that the ledger names") as caught:
        compacted(book)
    assert caught.value.where == segment.path
    assert named(verify(book.workspace.store)) == {segment.path}
    assert not list(book.workspace.store.rglob(".tmp-*"))


@pytest.mark.parametrize("which", ["merged", "replaced"])
def test_verify_names_a_changed_file(book: Logbook, which: str) -> None:
    before = book.snapshot.segments["decisions"]
    compacted(book)
    after = book.snapshot.segments["decisions"]
    (segment,) = (s for s in after if s not in before) if which == "merged" else before[2:3]
    path = book.snapshot.path(segment)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert named(verify(book.workspace.store)) == {segment.path}


def forged(book: Logbook, sql: str, facts: Mapping[str, object] | None = None) -> str:
    """Path of a merged file with other rows, which a holder of the key names in a compaction."""
    store, table = Store(book.workspace.store), "decisions"
    (merge,) = (merge for merge in plan(store.snapshot()) if merge.table == table)
    paths = [store.snapshot().path(segment) for segment in merge.segments]
    with store.writing(book.workspace.key, NOW) as writer, Engine() as engine:
        temporary = store.root / table / ".tmp-forged"
        engine.write_parquet(sql.format(rows=f"({merges._rows(table, paths)})"), temporary)
        digest = compaction._staged(temporary, merge).named.sha256
        path = f"{merge.folder}/{digest}.parquet"
        own = merges.facts_of(merge.segments) | dict(facts or {})
        (store.root / merge.folder).mkdir()
        file = NamedFile(path, digest, temporary.stat().st_size, own)
        writer.commit(COMPACTION, {}, [StagedFile(temporary, file)], at=AT)
    return path


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("SELECT * REPLACE (0.5e0 AS score) FROM {rows}", "rows that are not those"),
        ("SELECT * REPLACE (abs(score) AS score) FROM {rows}", "has 7 rows that are not those"),
        ("SELECT * FROM {rows} LIMIT 12", "more or fewer rows"),
        ("SELECT * FROM {rows} UNION ALL SELECT * FROM {rows}", "more or fewer rows"),
        ("SELECT *, 1 AS more FROM {rows}", "other columns"),
        ("SELECT * EXCLUDE rule_id FROM {rows}", "other columns"),
        ("SELECT * REPLACE (CAST(score AS FLOAT) AS score) FROM {rows}", "other columns"),
        ("SELECT * FROM {rows} ORDER BY decision_id DESC", "rows that are not those"),
    ],
)
def test_verify_compares_the_rows(book: Logbook, sql: str, what: str) -> None:
    path = forged(book, sql)
    found = verify(book.workspace.store)
    assert named(found) == {path}
    assert what in found.problems[0].what
    assert verify(book.workspace.store, compare_rows=False).ok


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ({"last_day": "2026-07-05"}, "other facts"),
        ({"rows": 12}, "other facts"),
        ({"rows": "many"}, "other facts"),
        ({"unresolved": 1}, "other facts"),
        ({"replaces": []}, "does not say"),
        ({"replaces": "all"}, "does not say"),
        ({"replaces": [{}]}, "does not say"),
        ({"replaces": ["decisions/x"]}, "no earlier entry names"),
    ],
)
def test_verify_compares_what_the_ledger_says(book: Logbook, facts: dict[str, object], what: str) -> None:
    path = forged(book, "SELECT * FROM {rows}", facts)
    found = verify(book.workspace.store)
    assert named(found) == {path}
    assert what in found.problems[0].what


def test_verify_tells_when_a_file_is_replaced_twice(book: Logbook) -> None:
    replaced = [segment.path for segment in book.snapshot.segments["decisions"]][:4]
    compacted(book)
    store = Store(book.workspace.store)
    with store.writing(book.workspace.key, NOW) as writer:
        temporary = store.root / "decisions" / ".tmp-again"
        temporary.write_bytes(b"again")
        digest = sha256(b"again").hexdigest()
        file = NamedFile(f"decisions/{digest}.parquet", digest, 5, {"replaces": replaced})
        writer.commit(COMPACTION, {}, [StagedFile(temporary, file)], at=AT)
    (problem,) = verify(store.root).problems
    assert "another file replaces" in problem.what


def test_a_merge_that_changed_something_is_not_stored(book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the engine did wrong, the files stay as they are, and the user is told."""
    rows = merges._rows
    other = "SELECT * REPLACE (row_no + 1 AS row_no) FROM ({})"

    def wrong(engine: Engine, table: str, replaced: list[Path], merged: Path) -> int:
        sql = rows(table, replaced)
        return engine.write_parquet(other.format(sql) if table == "decisions" else sql, merged)

    monkeypatch.setattr(merges, "write", wrong)
    done = compacted(book)
    assert "decisions" not in {item.table for item in done.tables}
    assert len(done.left) == 1
    assert "decisions/month=2026-07: 7 files are left as they are" in done.left[0]
    assert verify(book.workspace.store).ok
    assert not list(book.workspace.store.rglob(".tmp-*"))


def test_the_index_leads_to_every_request(book: Logbook) -> None:
    compacted(book)
    (segment,) = book.snapshot.segments["index"]
    with Engine() as engine:
        keys = [row[0] for row in engine.rows(f"SELECT key FROM read_parquet(['{book.snapshot.path(segment)}'])")]
        assert keys == sorted(keys)
        for name in ("r1a", "loans:r6b", "r8a"):
            case = open_casefile(book.snapshot, engine, name)
            assert name in (case.request["request_id"], case.request["request_uid"])
    assert len(keys) == book.values("SELECT count(*) FROM requests")[0] + 1  # the conflict


def test_one_writer_at_a_time(book: Logbook) -> None:
    with Store(book.workspace.store).writing(book.workspace.key, NOW), pytest.raises(BusyError):
        compacted(book)


@pytest.mark.slow
def test_killed_at_every_step(tmp_path: Path) -> None:
    """A compaction that dies before its Nth system call, for every N: nothing is lost, the next run completes it."""
    book = logbook(tmp_path)
    for number in range(1, 5):
        book.read(f"log{number}.csv", HEAD + day(number), "source: loans\ncolumns: {request_id: id, start_ts: at}\n")
    before = content(book.snapshot)["requests"]
    died, at = 0, 0
    while True:
        at += 1
        copy = _copy(book, tmp_path / str(at))
        code = in_child(lambda: _interrupted(copy, Interruption(at, lambda: os._exit(9), after=False)))  # noqa: B023
        assert code in {0, 9}
        found = verify(copy.workspace.store)
        assert found.ok, (at, found.problems)
        compacted(copy)
        found = verify(copy.workspace.store)
        assert found.ok
        assert not [note for note in found.notes if "interrupted" in note or "temporary" in note]
        assert [entry.facts["table"] for entry in copy.snapshot.of_kind(COMPACTION)] == ["requests", "index"]
        with Engine() as engine:
            copy.snapshot.attach(engine, ["requests"])
            assert engine.value("SELECT count(*) FROM requests") == len(before) - 1
        shutil.rmtree(tmp_path / str(at))
        if code == 0:
            break
        died += 1
    assert died > 50


def _copy(book: Logbook, folder: Path) -> Logbook:
    shutil.copytree(book.workspace.root, folder / "space")
    return Logbook(folder, replace(book.workspace, root=folder / "space"))


def _interrupted(book: Logbook, interruption: Interruption) -> None:
    with pytest.MonkeyPatch.context() as patch:
        interruption.install(patch)
        compacted(book)
