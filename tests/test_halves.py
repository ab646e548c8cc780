"""A call and its answer in files of their own: joined within one run, and never lost where they cannot be."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from governance import halves
from governance.halves import LATE
from governance.ingestion import FileReport, ingest
from governance.sourced import JOINED
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


def test_a_half_of_an_earlier_run_stays_what_it_is(book: Logbook) -> None:
    read(book, a=[request(1)])
    (later,) = read(book, b=[response(1), response(2)])
    assert (later.stored, later.conflicts, later.reasons) == (2, 1, {LATE: 1})
    copied, other = read(book, c=[request(1)], d=[response(1, 0.7)])  # c is a in another name: it is in
    assert (copied.duplicates, other.conflicts, other.ignored) == (1, 1, 0)


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
