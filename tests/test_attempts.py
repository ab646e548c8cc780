"""Upstream calls from a file of their own: they find their requests by source and id, come once, and are judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance.coverage import store_coverage
from governance.errors import PolicyError
from governance.explanation import explain
from governance.inventory import status
from tests.logbooks import Logbook, logbook

CALLS = """\
source: loans
table: attempts
columns:
  request_id: id
  attempt_no: n
  start_ts: at
  provider: {constant: openai}
  model: {constant: credit}
  latency_us: {column: ms, unit: ms}
  status: result
  breaker_state: {column: breaker, map: {CLOSED: closed, OPEN: open, HALF-OPEN: half_open}}
"""
HEADER = "id,n,at,ms,result,breaker\n"
ROWS = (
    "r1,0,2026-07-01T10:00:00Z,30,error,CLOSED\n"
    "r1,1,2026-07-01T10:00:01Z,20,blocked,OPEN\n"
    "r2,0,2026-07-01T11:00:00Z,25,,HALF-OPEN\n"
)
REQUESTS = "id,at,score,decision\nr1,2026-07-01T10:00:00Z,0.5,yes\nr2,2026-07-01T11:00:00Z,0.7,no\n"


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


def breaker_is_judged(book: Logbook) -> bool:
    return next(item.judged for item in store_coverage(book.workspace.store) if item.kind == "resilience-breaker")


@pytest.mark.parametrize("comes_first", ["calls", "requests"])
def test_calls_belong_to_the_request_of_their_source_and_id(book: Logbook, comes_first: str) -> None:
    files = [("calls.csv", HEADER + ROWS, CALLS), ("log.csv", REQUESTS, None)]
    for name, content, mapping in files if comes_first == "calls" else files[::-1]:
        assert not breaker_is_judged(book)
        report = book.read(name, content) if mapping is None else book.read(name, content, mapping)
        assert report.stored == report.records
    joined = book.rows(
        "SELECT r.request_id, attempt_no, kind, a.status, breaker_state, a.latency_us FROM attempts a "
        "JOIN requests r USING (request_uid) ORDER BY ALL"
    )
    assert [tuple(row.values()) for row in joined] == [
        ("r1", 0, "primary", "error", "closed", 30_000),
        ("r1", 1, "retry", "blocked", "open", 20_000),
        ("r2", 0, "primary", "ok", "half_open", 25_000),
    ]
    assert breaker_is_judged(book)
    (found,) = explain(book.workspace.store, "r1")
    assert [call["breaker_state"] for call in found.document["attempts"]] == ["closed", "open"]
    assert book.verifies()


def test_a_call_whose_request_has_not_come_is_counted_as_unmatched(book: Logbook) -> None:
    def unmatched() -> int | None:
        found: int | None = status(book.workspace.store)["unmatched"].get("attempts")
        return found

    book.read("calls.csv", HEADER + ROWS, CALLS)
    assert unmatched() == 3
    book.read("log.csv", REQUESTS.partition("r2")[0])
    assert unmatched() == 1
    book.read("rest.csv", REQUESTS)
    assert unmatched() == 0


def test_the_same_call_is_stored_once_and_another_beside_it(book: Logbook) -> None:
    assert book.read("calls.csv", HEADER + ROWS + ROWS[:42].partition("\n")[0] + "\n", CALLS).duplicates == 1
    again = book.read("more.csv", HEADER + ROWS + "r2,1,2026-07-01T11:00:01Z,9,ok,CLOSED\n", CALLS)
    assert (again.records, again.stored, again.duplicates) == (4, 1, 3)
    assert book.values("SELECT count(*) FROM attempts") == [4]


def test_a_request_that_comes_again_is_still_a_duplicate(book: Logbook) -> None:
    book.read("log.csv", REQUESTS)
    book.read("calls.csv", HEADER + ROWS, CALLS)
    again = book.read("again.csv", REQUESTS + "r3,2026-07-01T12:00:00Z,0.7,no\n")
    assert (again.stored, again.duplicates, again.conflicts) == (1, 2, 0)


def test_a_state_that_the_mapping_does_not_know_goes_to_quarantine(book: Logbook) -> None:
    report = book.read("calls.csv", HEADER + ROWS.replace("OPEN\n", "FORCED_OPEN\n", 1), CALLS)
    assert report.reasons == {"unmapped_value": 1}
    with pytest.raises(PolicyError, match="'attempt_no' must be mapped"):
        book.read("other.csv", HEADER + ROWS, CALLS.replace("  attempt_no: n\n", ""))
