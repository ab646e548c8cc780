"""A call and its answer in files of their own: joined within one run, and never lost where they cannot be."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from governance import halves
from governance.compaction import compact
from governance.engines.duckdb import Engine
from governance.explained.casefile import Casefile, open_casefile
from governance.formats.fields import Fields
from governance.formats.request_rows import needed_time
from governance.halves import LATE
from governance.ingestion import FileReport, ingest
from governance.inventory import status
from governance.quarantine.held import Selection
from governance.quarantine.retrial import retry
from governance.sourced import JOINED
from governance.sources import UnreadableError
from governance.storage.store import Store
from tests.logbooks import NOW, Logbook, logbook
from tests.sources.test_kserve import blob


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


def request(number: int, value: Any = 1) -> dict[str, Any]:
    return blob("request", {"instances": [[value]]}, f"2026-07-01T10:00:{number:02}Z") | {"id": f"b{number}"}


def response(number: int, score: float = 0.5) -> dict[str, Any]:
    return blob("response", {"predictions": [score]}, f"2026-07-01T10:01:{number:02}Z") | {"id": f"b{number}"}


def read(book: Logbook, **files: Sequence[dict[str, Any]]) -> list[FileReport]:
    """Reads files in one run, in their order."""
    paths = [
        str(book.write(f"{name}.jsonl", "".join(json.dumps(record) + "\n" for record in own)))
        for name, own in files.items()
    ]
    done = ingest(book.workspace, paths, now=NOW)
    for report in done.files:
        assert report.records == report.stored + report.duplicates + report.quarantined + report.ignored
    return list(done.files)


def stored(book: Logbook) -> list[Any]:
    return [
        tuple(row.values())
        for row in book.rows("SELECT request_id, status, n_decisions, quality_flags FROM requests ORDER BY ALL")
    ]


def casefiles(book: Logbook, *ids: str) -> list[Casefile]:
    with Engine() as engine:
        return [open_casefile(book.snapshot, engine, wanted) for wanted in ids]


@pytest.mark.parametrize("is_answer_first", [False, True])
def test_a_file_for_each_half(book: Logbook, is_answer_first: bool) -> None:
    halves_of = [request(1), response(1)]
    one, two = halves_of[::-1] if is_answer_first else halves_of
    first, second = read(book, a=[one], b=[two])
    assert (first.stored, first.ignored, second.stored) == (1, 0, 0)
    assert second.reasons == {JOINED: 1}
    assert stored(book) == [("b1", "ok", 1, [])]
    assert book.values("SELECT latency_us FROM requests") == [60_000_000]
    assert book.values("SELECT score FROM decisions") == [0.5]
    assert len(book.rows("SELECT * FROM payloads")) == 2
    assert book.verifies()
    assert [report.duplicates for report in read(book, a=[one], b=[two])] == [1, 0]


def test_it_says_the_same_as_one_file_whatever_lies_where(tmp_path: Path) -> None:
    records = [request(1), request(2), response(1), response(2), request(3), response(4)]
    one = logbook(tmp_path / "one")
    read(one, all=records)
    for place, cuts in enumerate(itertools.combinations(range(1, len(records)), 2)):
        several = logbook(tmp_path / f"several{place}")
        parts = [records[start:stop] for start, stop in itertools.pairwise((0, *cuts, len(records)))]
        reports = read(several, **{f"f{number}": part for number, part in enumerate(parts)})
        assert stored(several) == stored(one)
        assert sum(report.stored for report in reports) == 4
        features = "SELECT * EXCLUDE (file_sha256, row_no) FROM decisions ORDER BY ALL"
        assert several.rows(features) == one.rows(features)


def test_what_finds_no_other_half_is_stored_as_it_is(book: Logbook) -> None:
    first, second = read(book, a=[request(1), request(2)], b=[response(3), response(2)])
    assert (first.stored, second.stored, second.ignored) == (2, 1, 1)
    assert stored(book) == [("b1", "incomplete", 0, []), ("b2", "ok", 1, []), ("b3", "ok", 1, ["request_missing"])]


def test_halves_that_cannot_be_read_together_are_both_kept(book: Logbook) -> None:
    bad = request(2) | {"occurrenceTime": "soon"}
    first, second = read(book, a=[request(1), bad], b=[response(1), response(2)])
    assert (first.stored, first.reasons) == (1, {"bad_time": 1})
    assert second.reasons == {"bad_time": 1, JOINED: 1}
    assert len(book.quarantine()) == 2


def test_inputs_of_another_type_keep_both_halves(book: Logbook) -> None:
    read(book, typed=[half for number in range(10, 30) for half in (request(number), response(number))])
    first, second = read(book, a=[request(1, "many")], b=[response(1)])
    assert first.reasons == second.reasons == {"type_mismatch": 1}
    assert len(book.quarantine()) == 2


@pytest.mark.parametrize("is_answer_first", [False, True])
def test_a_half_that_comes_in_a_later_run_completes_the_first(book: Logbook, is_answer_first: bool) -> None:
    halves_of = [request(1), response(1)]
    one, two = halves_of[::-1] if is_answer_first else halves_of
    read(book, a=[one])
    before = book.snapshot.checkpoint.size
    alone = ("b1", "ok", 1, ["request_missing"]) if is_answer_first else ("b1", "incomplete", 0, [])
    assert stored(book) == [alone]
    assert status(book.workspace.store)["halves"] == 1
    (later,) = read(book, b=[two, response(2)])
    assert (later.stored, later.conflicts, later.reasons) == (2, 0, {})
    assert stored(book) == [("b1", "ok", 1, []), ("b2", "ok", 1, ["request_missing"])]
    assert book.values("SELECT latency_us FROM requests WHERE request_id = 'b1'") == [60_000_000]
    (found,) = casefiles(book, "b1")
    assert (found.request["status"], found.request["input_state"], found.request["output_state"]) == (
        *("ok", "complete"),
        "complete",
    )
    assert [row["role"] for row in found.rows["payloads"]] == ["request", "response"]
    assert ([row["score"] for row in found.decisions], found.conflicts) == ([0.5], 0)
    assert [row["column_0"] for row in found.rows["features"]] == [1.0]
    now = status(book.workspace.store)
    counted = {row["table"]: row["rows"] for row in now["tables"]}
    assert (now["halves"], counted) == (1, {"requests": 2, "decisions": 2, "features": 1, "payloads": 3})
    with Engine() as engine:  # as it was before
        Store(book.workspace.store).snapshot(before).attach(engine)
        assert engine.rows("SELECT request_id, status, n_decisions, quality_flags FROM requests") == [alone]
    assert book.verifies()


def test_several_runs_say_the_same_as_one_file(tmp_path: Path) -> None:
    tensors = {"inputs": [{"name": "age", "shape": [2, 1], "datatype": "FP64", "data": [1.50, None]}]}
    said = {
        "model_name": "m",
        "model_version": 3,
        "predictions": [{"label": "no", "probabilities": [0.25, 0.75]}, 1.250],
    }
    records = [
        *(request(1), response(1)),
        *(
            blob("request", tensors, "2026-07-01T23:59:59.9999999Z"),
            blob("response", said, "2026-07-02T00:00:00.0000011Z"),
        ),
        request(2, "a\0word") | {"inferenceService": "words"},
        response(2) | {"inferenceService": "words", "bytes": "", "data": {"predictions": ["yes"]}},
        *(request(3) | {"component": "transformer"}, response(3) | {"component": "transformer"}, response(3, 0.25)),
    ]
    one = logbook(tmp_path / "one")
    read(one, all=records)
    for place in range(5):
        several = logbook(tmp_path / f"several{place}")
        order = sorted(records, key=lambda record: sha256(f"{place}{json.dumps(record)}".encode()).digest())
        cut = 2 + place
        for number, part in enumerate((order[:cut], order[cut : cut + 2], order[cut + 2 :])):
            read(several, **{f"f{number}": part})
        for view in ("requests", "decisions", "payloads"):
            left_out = {"requests": "", "decisions": "", "payloads": ", start_ts"}[view]
            sql = f"SELECT * EXCLUDE (file_sha256, row_no{left_out}) FROM {view} ORDER BY ALL"
            assert several.rows(sql) == one.rows(sql)
        features = 'SELECT * EXCLUDE (file_sha256, row_no) FROM "features:credit" ORDER BY ALL'
        assert several.rows(features) == one.rows(features)


def test_what_came_before_is_a_duplicate_alone_or_with_its_other_half(book: Logbook) -> None:
    read(book, a=[request(1)])
    read(book, b=[response(1)])
    whole = stored(book)
    for again in ([request(1), request(7)], [response(1), request(8)], [request(1), response(1), request(9)]):
        (report,) = read(book, **{f"again{len(book.digest())}": again})
        assert (report.stored, report.duplicates, report.conflicts) == (1, len(again) - 1, 0)
    assert stored(book)[:1] == whole
    (other,) = read(book, c=[response(1, 0.7)])
    assert (other.conflicts, other.reasons) == (1, {LATE: 1})
    assert book.values("SELECT score FROM decisions") == [0.5]


def test_a_whole_call_completes_the_half_of_it_that_came_before(book: Logbook) -> None:
    """A log that is rotated while it is written, or compressed and so read whole again."""
    read(book, a=[request(1), response(1), request(2)])
    (report,) = read(book, b=[request(1), response(1), request(2), response(2)])
    assert (report.stored, report.duplicates, report.ignored, report.conflicts) == (1, 2, 1, 0)
    assert stored(book) == [("b1", "ok", 1, []), ("b2", "ok", 1, [])]
    assert len(book.values("SELECT 1 FROM payloads")) == 4


def test_a_log_of_halves_that_grew_is_read_on(book: Logbook) -> None:
    first = "".join(json.dumps(record) + "\n" for record in (request(1), response(1), request(2)))
    path = book.write("grown.jsonl", first)
    ingest(book.workspace, [str(path)], now=NOW)
    path.write_text(first + json.dumps(response(2)) + "\n")
    (report,) = ingest(book.workspace, [str(path)], now=NOW).files
    assert (report.records, report.stored) == (1, 1)
    assert stored(book) == [("b1", "ok", 1, []), ("b2", "ok", 1, [])]


def test_a_half_that_comes_again_after_both_were_joined_is_a_duplicate(book: Logbook) -> None:
    """Brokers deliver at least once; a half with another body, or of another time, is a conflict."""
    read(book, a=[request(1), response(1), request(2)], b=[response(2)])
    (again,) = read(book, c=[response(1), request(3), request(2)])
    assert (again.stored, again.duplicates, again.conflicts, again.reasons) == (1, 2, 0, {})
    (other,) = read(book, d=[response(1, 0.7), request(2) | {"occurrenceTime": "2026-07-01T10:00:59Z"}])
    assert (other.stored, other.conflicts, other.reasons) == (2, 2, {LATE: 2})
    empty = {"bytes": "", "data": None}
    read(book, e=[request(4) | empty, response(4) | empty])
    (again,) = read(book, f=[response(4) | empty | {"endpoint": "x"}])
    assert (again.duplicates, again.conflicts) == (1, 0)
    assert status(book.workspace.store)["halves"] == 1


def test_of_two_answers_the_first_completes(book: Logbook) -> None:
    read(book, a=[request(1)])
    (report,) = read(book, b=[response(1), response(1, 0.9), response(1)])
    assert (report.stored, report.duplicates, report.conflicts) == (2, 1, 1)
    assert stored(book) == [("b1", "ok", 1, [])]
    assert book.values("SELECT score FROM decisions") == [0.5]


def test_a_late_half_that_cannot_be_read_with_the_first_leaves_it_as_it_is(book: Logbook) -> None:
    read(book, typed=[half for number in range(10, 30) for half in (request(number), response(number))])
    read(book, a=[request(1, "many")])
    (report,) = read(book, b=[response(1)])
    assert report.reasons == {"type_mismatch": 1}
    assert ("b1", "incomplete", 0, []) in stored(book)
    assert status(book.workspace.store)["halves"] == 1
    (wrong,) = read(book, c=[response(1) | {"occurrenceTime": "soon"}])
    assert wrong.reasons == {"bad_time": 1}


def test_a_half_from_quarantine_completes_the_other(book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older version could not read the time of the answer."""
    with monkeypatch.context() as older:
        older.setattr("governance.sources.kserve.needed_time", _refuses_answers(needed_time))
        read(book, a=[request(1), response(2)])
        read(book, b=[response(1), response(3)])
        read(book, both=[request(4)], of_it=[response(4)])
    assert stored(book) == [("b1", "incomplete", 0, [])]
    retried = retry(book.workspace, Selection(), now=NOW).files
    assert sum(file.stored for file in retried) == 5
    alone = ("ok", 1, ["request_missing"])
    assert stored(book) == [("b1", "ok", 1, []), ("b2", *alone), ("b3", *alone), ("b4", "ok", 1, [])]
    read(book, c=[request(2), request(3)])
    assert [row[1:] for row in stored(book)] == [("ok", 1, [])] * 4
    assert status(book.workspace.store)["halves"] == 0
    assert book.verifies()


def _refuses_answers(read_time: Callable[[Fields, str], datetime]) -> Callable[[Fields, str], datetime]:
    def refused(fields: Fields, column: str) -> datetime:
        if (fields.text("type") or "").endswith("response"):
            raise UnreadableError("bad_time", "an answer")
        return read_time(fields, column)

    return refused


def test_a_compacted_store_knows_its_halves(book: Logbook) -> None:
    for number in range(6):
        read(book, **{f"r{number}": [request(number)]})
    for number in range(5):
        read(book, **{f"s{number}": [response(number)]})
    compact(book.workspace, now=NOW)
    assert len(book.snapshot.segments["halves"]) == len(book.snapshot.segments["completed"]) == 1
    (report,) = read(book, last=[response(5), response(4), request(9)])
    assert (report.stored, report.duplicates) == (2, 1)
    assert stored(book)[:6] == [(f"b{number}", "ok", 1, []) for number in range(6)]
    assert casefiles(book, "b3", "b5")[0].request["status"] == "ok"
    assert book.verifies()


def test_what_is_kept_of_a_half_has_no_words_of_its_body(book: Logbook) -> None:
    asked = blob("request", {"messages": [{"content": "my secret"}]}, "2026-07-01T10:00:00Z")
    answered = blob("response", {"predictions": ["a long story " * 40]}, "2026-07-01T10:00:01Z")
    read(book, a=[asked, answered | {"id": "other"}])
    with Engine() as engine:
        paths = [str(book.workspace.store / segment.path) for segment in book.snapshot.segments["halves"]]
        kept = engine.rows(f"SELECT kept FROM read_parquet({paths})")
    assert len(kept) == 2
    assert not any(word in row[0] for row in kept for word in ("secret", "story", "bytes"))


def test_two_answers_to_one_call(book: Logbook) -> None:
    reports = read(book, a=[request(1)], b=[response(1)], c=[response(1, 0.9)])
    assert [(report.stored, report.ignored, report.conflicts) for report in reports] == [
        (1, 0, 0),
        (0, 1, 0),
        (1, 0, 1),
    ]
    assert book.values("SELECT score FROM decisions") == [0.5]


def test_more_than_can_be_held_is_read_alone(book: Logbook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halves, "MAX_BYTES", len(json.dumps(request(1))) + 10)
    first, second = read(book, a=[request(1), request(2)], b=[response(1), response(2)])
    assert (first.stored, second.stored + second.ignored) == (2, 2)
    assert ("b1", "ok", 1, []) in stored(book)
