"""What cannot well be true of a request is flagged and stored as it was logged; on the limit nothing is flagged."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from governance.plausibility import CLOCK_SKEW, HIGH_COST, LONG_LATENCY, STARTS_IN_FUTURE
from tests.logbooks import NOW, Logbook, logbook

MAPPING = """\
source: gateway
columns:
  request_id: id
  start_ts: at
  latency_us: {column: seconds, unit: s}
  cost_reported: cost
  cost_currency: currency
"""
HEADER = "id,at,seconds,cost,currency\n"
PLAIN = "2026-07-01T10:00:00Z"


@pytest.fixture
def book(tmp_path: Path) -> Logbook:
    return logbook(tmp_path)


def at(ahead: timedelta) -> str:
    return (NOW + ahead).isoformat()


CASES = [
    (f"{at(CLOCK_SKEW)},1,1,USD", []),
    (f"{at(CLOCK_SKEW + timedelta(microseconds=1))},1,1,USD", [STARTS_IN_FUTURE]),
    (f"{PLAIN},3600,1,USD", []),
    (f"{PLAIN},3600.000001,1,USD", [LONG_LATENCY]),
    (f"{PLAIN},1,100,USD", []),
    (f"{PLAIN},1,100.000000000001,USD", [HIGH_COST]),
    (f"{PLAIN},1,150,", [HIGH_COST]),
    (f"{PLAIN},1,150,JPY", []),
    (f"{PLAIN},,,", []),
    (f"{at(timedelta(days=400))},90000,5000,USD", [HIGH_COST, LONG_LATENCY, STARTS_IN_FUTURE]),
    ("2026-07-01T10:00:00,90000,1,USD", [LONG_LATENCY, "tz_assumed"]),
]


def test_each_limit_and_what_is_stored(book: Logbook) -> None:
    rows = "".join(f"r{place},{row}\n" for place, (row, _) in enumerate(CASES))
    report = book.read("log.csv", HEADER + rows, MAPPING)
    assert (report.stored, report.quarantined) == (len(CASES), 0)
    stored = book.rows("SELECT quality_flags, latency_us, cost_reported FROM requests ORDER BY row_no")
    assert [row["quality_flags"] or [] for row in stored] == [flags for _, flags in CASES]
    assert (stored[9]["latency_us"], stored[9]["cost_reported"]) == (90_000_000_000, 5000)


def test_a_record_that_comes_again_later_is_still_a_duplicate(book: Logbook) -> None:
    """The flag depends on the clock of the reader, and is no part of what the log says."""
    row = f"r1,{at(timedelta(hours=1))},1,1,USD\n"
    book.read("log.csv", HEADER + row, MAPPING)
    again = book.read("again.csv", f"{HEADER}{row}r2,{PLAIN},1,1,USD\n", MAPPING)
    assert (again.stored, again.duplicates, again.conflicts) == (1, 1, 0)
