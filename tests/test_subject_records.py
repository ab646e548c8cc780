"""Protected attributes that lie in a file of their own: before or after the decisions, one file or several."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from governance.cli import main
from governance.compaction import compact
from governance.coverage import filled_columns
from governance.engines.duckdb import Engine
from governance.errors import PolicyError
from governance.explained.casefile import open_casefile
from tests.logbooks import NOW, Logbook, logbook

LOANS = """source: loans
columns:
  request_id: id
  start_ts: at
  model: {constant: credit}
  decision: d
  favourable: {column: d, map: {1: true, 0: false}}
"""
PEOPLE = """source: people
table: subject_records
columns: {request_id: id, known_ts: {column: known, default: "2026-08-01T00:00:00Z"}}
subjects: {sex: sex, age_band: {column: age, bands: [25, 60]}}
"""


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


def loans(book: Logbook, count: int = 40) -> None:
    rows = [{"id": f"r{n}", "at": f"2026-07-0{1 + n % 9}T00:00:00Z", "d": int(n % 4 < 2)} for n in range(count)]
    book.read("loans.jsonl", "".join(json.dumps(row) + "\n" for row in rows), LOANS)


def people(book: Logbook, rows: list[dict[str, Any]], mapping: str = PEOPLE, name: str = "people.jsonl") -> None:
    book.read(name, "".join(json.dumps(row) + "\n" for row in rows), mapping)


def seen(book: Logbook) -> dict[str, dict[str, Any]]:
    with Engine() as engine:
        book.snapshot.attach(engine)
        return {row["decision_id"]: row for row in engine.records("SELECT * FROM subjects")}


@pytest.mark.parametrize("first", ["people", "loans"])
def test_they_are_found_whichever_file_comes_first(book: Logbook, first: str) -> None:
    rows = [{"id": f"r{n}", "sex": "fm"[n % 2], "age": 20 + n} for n in range(40)] + [{"id": "nobody", "sex": "f"}]
    if first == "people":
        people(book, rows)
        assert seen(book) == {}
    loans(book)
    if first == "loans":
        people(book, rows)
    found = seen(book)
    assert len(found) == 40
    assert {name: found["loans:r1#0"][name] for name in ("sex", "age_band", "decision_ts")} == {
        "sex": "m",
        "age_band": "25-",
        "decision_ts": "2026-07-02T00:00:00.000000Z",
    }
    assert book.verifies()


def test_what_became_known_last_counts_and_files_complete_each_other(book: Logbook) -> None:
    own = LOANS + "subjects: {sex: sex, region: region}\n"
    book.read("a.csv", "id,at,d,sex,region\nr1,2026-07-01T00:00:00Z,1,,north\nr2,2026-07-01T00:00:00Z,0,m,south\n", own)
    people(book, [{"id": "r1", "sex": "f", "age": 70}, {"id": "r2#0", "sex": "f", "known": "2026-01-01T00:00:00Z"}])
    people(book, [{"id": "r1", "age": 30, "known": "2026-09-01T00:00:00Z"}], name="more.jsonl")
    found = seen(book)
    told = [[row[name] for name in ("sex", "region", "age_band")] for _, row in sorted(found.items())]
    assert told == [["f", "north", "25..59"], ["m", "south", None]]
    with Engine() as engine:
        case = open_casefile(book.snapshot, engine, "r1")
    assert len(case.rows["subject_records"]) == 2


def test_a_fairness_check_and_an_explanation_use_them(book: Logbook, capsys: pytest.CaptureFixture[str]) -> None:
    loans(book)
    people(book, [{"id": f"r{n}", "sex": "fm"[n % 4 < 1 or n == 1], "age": 30} for n in range(40)])
    space = str(book.workspace.root)
    policy = book.workspace.policies / "own.yaml"
    policy.write_text(
        "policy: own\nversion: 1\nowner: risk\napproved: {by: A, on: 2026-06-01}\nin_force: {from: 2026-07-01}\n"
        "checks:\n  - {id: four-fifths, kind: fairness-impact-ratio, by: [sex], min: 0.8, minimum_n: 5}\n"
    )
    with pytest.raises(SystemExit) as left:
        main(["check", "own", "--window", "2026-Q3", "--json", "--workspace", space])
    assert left.value.code == 1
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert {item["subject"]["sex"]: item["verdict"] for item in findings} == {"f": "failed", "m": "passed"}
    with pytest.raises(SystemExit):
        main(["explain", "r1", "--json", "--workspace", space])
    assert json.loads(capsys.readouterr().out)["subject"] == {"sex": "m", "age_band": "25..59"}


def test_they_count_among_the_columns_that_are_filled(book: Logbook) -> None:
    loans(book)
    people(book, [{"id": "r1", "sex": "f", "age": 30}])
    with Engine() as engine:
        book.snapshot.attach(engine)
        assert {"subjects.*", "subjects.decision_id"} <= filled_columns(engine, book.snapshot)


def test_compacted_and_in_plain_duckdb_they_are_the_same(book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
    for part in range(5):
        rows = [{"id": f"r{n}", "sex": "fm"[n % 2], "age": 20 + n} for n in range(8 * part, 8 * part + 8)]
        people(book, rows, name=f"people{part}.jsonl")
    loans(book)
    found = seen(book)
    compact(book.workspace, now=NOW)
    assert book.snapshot.of_kind("compaction")
    assert book.verifies()
    assert seen(book) == found
    monkeypatch.chdir(book.workspace.store)
    with duckdb.connect() as plain:
        plain.execute(book.snapshot.views_sql())
        assert plain.execute("SELECT count(sex), count(age_band) FROM subjects").fetchall() == [(40, 40)]


def test_a_mapping_that_names_no_attribute_or_one_of_ours_is_refused(book: Logbook) -> None:
    none = PEOPLE[: PEOPLE.index("subjects:")]
    for mapping in (none, none + "subjects: {known_ts: x}\n"):
        with pytest.raises(PolicyError, match="protected attribute"):
            people(book, [{"id": "r1", "x": 1}], mapping)


def test_the_same_file_twice_is_stored_once(book: Logbook) -> None:
    loans(book)
    rows = [{"id": "r1", "sex": "f", "age": 30}]
    people(book, rows)
    people(book, [*rows, {"id": "r1", "sex": "f", "age": 30}], name="again.jsonl")
    with Engine() as engine:
        book.snapshot.attach(engine)
        assert engine.value("SELECT count(*) FROM subject_records") == 1
