"""Duplicates are dropped and counted, conflicts are kept and marked, whatever the order of delivery."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.engines.duckdb import Engine
from governance.explained.casefile import open_casefile
from governance.ingestion import FileReport
from tests.logbooks import NOW, Logbook, logbook

MAPPING = """\
source: t
columns: {request_id: id, start_ts: {constant: 2026-07-01T00:00:00Z}, score: s}
features: [f]
subjects: {sex: x}
"""


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


def row(name: str, **other: Any) -> dict[str, Any]:
    return {"id": name, "s": 0.5, "f": 1, "x": "f"} | other


def counts(report: FileReport) -> tuple[int, int, int, int]:
    return report.stored, report.duplicates, report.conflicts, report.quarantined


def text(*rows: Any) -> str:
    return "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in rows)


def test_the_same_file_twice_and_overlapping_files(book: Logbook) -> None:
    first = text(*(row(f"r{place}") for place in range(10)), "{bad")
    assert counts(book.read("a.jsonl", first, MAPPING)) == (10, 0, 0, 1)
    before = book.digest()
    assert counts(book.read("a.jsonl", first, MAPPING)) == (0, 10, 0, 1)
    assert counts(book.read("other-name.jsonl", first, MAPPING)) == (0, 10, 0, 1)
    assert book.digest() == before
    later = text(*(row(f"r{place}") for place in range(5, 15)))
    assert counts(book.read("b.jsonl", later, MAPPING)) == (5, 5, 0, 0)
    assert book.values("SELECT count(*) FROM requests") == [15]
    assert book.verifies()


@pytest.mark.parametrize("change", [{"s": 0.6}, {"f": 2}, {"x": "m"}, {"f": None}])
def test_other_content_under_one_id_is_a_conflict(book: Logbook, change: dict[str, Any]) -> None:
    book.read("a.jsonl", text(row("r")), MAPPING)
    assert counts(book.read("b.jsonl", text(row("r", **change)), MAPPING)) == (1, 0, 1, 0)
    assert book.rows("SELECT score, f, sex FROM decisions JOIN subjects USING (decision_id) "
                     'JOIN "features:" USING (decision_id)') == [{"score": 0.5, "f": 1.0, "sex": "f"}]  # fmt: skip
    with Engine() as engine:
        case = open_casefile(book.snapshot, engine, "r")
    assert case.conflicts == 1
    assert [one["f"] for one in case.rows["features"]] == [1.0]
    assert [one["sex"] for one in case.rows["subjects"]] == ["f"]


def test_a_conflict_that_comes_again_is_a_duplicate(book: Logbook) -> None:
    book.read("a.jsonl", text(row("r")), MAPPING)
    book.read("b.jsonl", text(row("r", s=0.6)), MAPPING)
    assert counts(book.read("c.jsonl", text(row("r", s=0.6), row("new")), MAPPING)) == (1, 1, 0, 0)
    assert counts(book.read("d.jsonl", text(row("r", s=0.7), row("r", s=0.7), row("r")), MAPPING)) == (1, 2, 1, 0)


def test_a_column_that_only_a_later_file_has_tells_nothing_apart(book: Logbook) -> None:
    book.read("a.csv", "id,s,f,x\nr,0.5,1,f\n", MAPPING)
    wider = MAPPING.replace("score: s", "score: s, user_id: u")
    assert counts(book.read("b.csv", "id,s,f,x,u\nr,0.5,1,f,\nq,0.5,1,f,me\n", wider)) == (1, 1, 0, 0)


def test_an_input_of_any_name_takes_part(book: Logbook) -> None:
    mapping = MAPPING.replace("[f]", "[f, t, r, uid, n, line, row_no]")
    more = {"t": 1, "r": 2, "uid": 3, "n": 4, "line": 5, "row_no": 6}
    book.read("a.jsonl", text(row("r", **more)), mapping)
    again = text(row("r", **more), row("r", **(more | {"n": 5})))
    assert counts(book.read("b.jsonl", again, mapping)) == (1, 1, 1, 0)


SIDE = "source: s\ntable: reviews\ncolumns: {request_id: id, requested_ts: at, outcome: o}\n"


def test_side_rows_are_known_by_their_content(book: Logbook) -> None:
    line = {"id": "r", "at": "2026-07-02T00:00:00Z", "o": "confirmed"}
    assert counts(book.read("a.jsonl", text(line, line), SIDE)) == (1, 1, 0, 0)
    assert counts(book.read("b.jsonl", text(line, line | {"o": "overridden"}), SIDE)) == (1, 1, 0, 0)
    assert book.values("SELECT outcome FROM reviews ORDER BY 1") == ["confirmed", "overridden"]


RECORD = st.one_of(
    st.builds(row, st.sampled_from(["a", "b", "c"]), s=st.sampled_from([0.1, 0.2])),
    st.sampled_from(["{", '{"id": 1, "id": 2}', "[]", '{"id": ""}', '{"id": "z", "s": "high"}', '"\\ud800"']),
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(RECORD, max_size=6), min_size=1, max_size=3))
def test_every_record_is_accounted_for(files: list[list[Any]]) -> None:
    """Records = stored + duplicates + quarantined + ignored for each file, and so in the store, by what was written."""
    with tempfile.TemporaryDirectory() as name:
        book = logbook(Path(name))
        kept: dict[str, list[str]] = {}
        spoilt: Counter[bytes] = Counter()
        for place, records in enumerate(records for records in files if records):
            report = book.read(f"{place}.jsonl", text(*records, {"id": f"own{place}", "s": 1}), MAPPING)
            good = [one for one in records if isinstance(one, dict)]
            bad = [one for one in records if isinstance(one, str)]
            before = sum(map(len, kept.values()))
            for one in good:
                contents = kept.setdefault(one["id"], [])
                if json.dumps(one) not in contents:
                    contents.append(json.dumps(one))
            new = sum(map(len, kept.values())) - before
            assert report.records == len(records) + 1
            assert counts(report)[:2] == (new + 1, len(good) - new)
            assert report.quarantined == len(bad)
            spoilt.update(one.encode() for one in bad)
        conflicts = sum(len(contents) - 1 for contents in kept.values())
        assert sum(entry.facts["counts"]["conflicts"] for entry in book.snapshot.of_kind("ingest")) == conflicts
        assert Counter(raw for _, _, raw in book.quarantine()) == spoilt
        assert len(book.values("SELECT 1 FROM requests WHERE request_id IN ('a', 'b', 'c')")) == len(kept)
        assert book.verifies()
        assert NOW.tzinfo


LOANS = """\
source: loans
columns:
  request_id: id
  start_ts: at
  model: {constant: MODEL}
  score: score
  decision: decision
features: [debt]
"""


def test_a_file_comes_again_by_a_mapping_that_says_other_things(tmp_path: Path) -> None:
    """Whatever of it is as before (the index, the inputs of the model) is stored beside what was."""
    book = logbook(tmp_path)
    rows = "id,at,score,decision,debt\nr1,2026-07-01T10:00:00Z,0.5,yes,7\nr2,2026-07-02T10:00:00Z,0.7,no,8\n"
    named = [LOANS.replace("MODEL", model) for model in ("a", "b", "a2", "a3")]
    named.insert(0, LOANS.replace("  model: {constant: MODEL}\n", ""))
    counts = [book.read("loans.csv", rows, mapping).counts() for mapping in named]
    assert [(count["stored"], count["conflicts"]) for count in counts] == [(2, 0), *[(2, 2)] * 4]
    assert book.values("SELECT count(*) FROM requests") == [2]
    assert book.verifies()
