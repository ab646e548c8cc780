"""Silences on the clock of working time against sums of overlapping stretches, in zones whose clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from governance.checks.completeness_gaps import WEEK, CompletenessGaps
from tests.checks.cases import Case, measured

MINUTE = timedelta(minutes=1)


def built(**fields: Any) -> CompletenessGaps:
    return CompletenessGaps.model_validate({"id": "x", "kind": "completeness-gaps", "max_gap_minutes": 1, **fields})


def longest(moments: list[datetime], case: Case, opening: tuple[int, int], days: tuple[str, ...]) -> float:
    """The longest silence in working minutes: each stretch between two moments, cut with every working day."""
    zone, window = ZoneInfo(case.timezone), case.when
    edges = [window.start, *sorted(moments), window.end]
    worked = []
    day = window.start.astimezone(zone).date() - timedelta(days=1)
    while day <= window.end.astimezone(zone).date():
        if WEEK[day.weekday()] in days:
            midnight = datetime.combine(day, time())
            first, last = (midnight + timedelta(minutes=minutes) for minutes in opening)
            worked.append((first.replace(tzinfo=zone).astimezone(UTC), last.replace(tzinfo=zone).astimezone(UTC)))
        day += timedelta(days=1)
    gaps = [
        sum((max(min(end, closes) - max(start, opens), timedelta()) for opens, closes in worked), timedelta())
        for start, end in pairwise(edges)
    ]
    return max(gaps) / MINUTE


@settings(max_examples=25)
@given(
    minutes=st.lists(st.integers(0, 8 * 1440 - 1), min_size=1, max_size=12),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]),
    first=st.integers(0, 22),
    length=st.integers(1, 24),
    days=st.sampled_from([WEEK, WEEK[:5], ("sat", "sun"), ("mon",)]),
)
def test_longest_silence(minutes: list[int], zone: str, first: int, length: int, days: tuple[str, ...]) -> None:
    """The week holds the night in which clocks go back in Europe."""
    last = min(24, first + length)
    check = {"max_gap_minutes": 1, "hours": f"{first:02}-{last:02}", "days": list(days)}
    case = Case("completeness-gaps", "property", check, [], window="2026-10-21..2026-10-29", timezone=zone)
    moments = [case.when.start + timedelta(minutes=minute) for minute in minutes]
    rows = {"requests": [{"start_ts": moment.isoformat()} for moment in moments]}
    found = measured(Case(**{**vars(case), "rows": rows}))
    found.engine.close()
    ((seen, _),) = found.findings
    assert seen.value == pytest.approx(longest(moments, case, (first * 60, last * 60), days))
    assert seen.n == len(minutes)


@pytest.mark.parametrize(
    ("given_days", "expected"),
    [
        ("mon-fri", WEEK[:5]),
        (["mon", "wed"], ("mon", "wed")),
        ("fri-mon", ("mon", "fri", "sat", "sun")),
        ("Tue, Thu", ("tue", "thu")),
        ("sun", ("sun",)),
    ],
)
def test_days(given_days: Any, expected: tuple[str, ...]) -> None:
    assert built(days=given_days).days == expected


def test_hours() -> None:
    assert built().opening == (0, 1440)
    assert built(hours="08-18").opening == (480, 1080)
    assert built(hours="08:30-24:00").opening == (510, 1440)


@pytest.mark.parametrize(
    "fields",
    [
        {"hours": "18-08"},
        {"hours": "08-25"},
        {"hours": "8-18"},
        {"hours": "08-08"},
        {"days": "monday"},
        {"days": []},
        {"days": "mon-"},
        {"days": 3},
        {"per": "hour"},
        {"max_gap_minutes": 0},
    ],
)
def test_mistakes(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        built(**fields)
