"""Windows: what a user names, in the zone and the fiscal year of the workspace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import GovernanceError
from governance.findings import Window, parse_window

NOW = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)


def named(text: str, timezone: str = "UTC", fiscal: int = 1) -> tuple[str, str]:
    window = parse_window(text, now=NOW, timezone=timezone, fiscal_start_month=fiscal)
    assert window.name == text.strip()
    return window.start.isoformat().replace("+00:00", "Z"), window.end.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-Q3", "2026-07-01T00:00:00Z", "2026-10-01T00:00:00Z"),
        ("2026-Q4", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026-07", "2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z"),
        ("2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026-07-15", "2026-07-15T00:00:00Z", "2026-07-16T00:00:00Z"),
        ("2026-07-01..2026-10-01", "2026-07-01T00:00:00Z", "2026-10-01T00:00:00Z"),
        ("2026-07-01T06:00..2026-07-01T18:30", "2026-07-01T06:00:00Z", "2026-07-01T18:30:00Z"),
        ("last-30d", "2026-10-21T00:00:00Z", "2026-11-20T00:00:00Z"),
        ("last-1h", "2026-11-20T11:34:56Z", "2026-11-20T12:34:56Z"),
        ("last-quarter", "2026-07-01T00:00:00Z", "2026-10-01T00:00:00Z"),
    ],
)
def test_each_form(text: str, start: str, end: str) -> None:
    assert named(text) == (start, end)


def test_the_zone_and_its_summer_time_count() -> None:
    assert named("2026-07", "Europe/Berlin") == ("2026-06-30T22:00:00Z", "2026-07-31T22:00:00Z")
    assert named("2026-10-25", "Europe/Berlin") == ("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")  # 25 hours
    assert named("2026-Q4", "America/New_York") == ("2026-10-01T04:00:00Z", "2027-01-01T05:00:00Z")
    assert named("last-1h", "Asia/Kolkata") == ("2026-11-20T11:34:56Z", "2026-11-20T12:34:56Z")


def test_an_hour_is_an_hour_when_the_clocks_change() -> None:
    """At 02:30 summer time, on the day on which the clocks go back, the last hour began one hour ago."""
    moment = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)  # 02:30 the second time, in Berlin
    window = parse_window("last-1h", now=moment, timezone="Europe/Berlin")
    assert (window.start, window.end) == (moment - timedelta(hours=1), moment)


def test_a_fiscal_year() -> None:
    assert named("2026-Q1", fiscal=4) == ("2026-04-01T00:00:00Z", "2026-07-01T00:00:00Z")
    assert named("2026-Q4", fiscal=4) == ("2027-01-01T00:00:00Z", "2027-04-01T00:00:00Z")
    assert named("last-quarter", fiscal=2) == ("2026-08-01T00:00:00Z", "2026-11-01T00:00:00Z")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-Q5", "is not a window"),
        ("2026-13", "is not a window"),
        ("2026-02-30", "is not a window"),
        ("yesterday", "is not a window"),
        ("", "is not a window"),
        ("0000-Q1", "is not a window"),
        ("2026-07-01Z..2026-08-01", "is not a window"),
        ("2026-07-01T00:00Z..2026-08-01", "is not a window"),
        ("2026-08-01..2026-07-01", "is empty"),
        ("2026-07-01..2026-07-01", "is empty"),
        ("last-0d", "is empty"),
        ("9999-Q4", "is not a window"),
    ],
)
def test_what_is_no_window(text: str, said: str) -> None:
    with pytest.raises(GovernanceError, match=said) as caught:
        parse_window(text, now=NOW)
    assert caught.value.where == "--window"
    assert caught.value.hint


def test_an_unknown_zone() -> None:
    for zone in ("Europe/Berlln", "../../etc/passwd", ""):
        with pytest.raises(GovernanceError, match="no time zone is called"):
            parse_window("2026-07", now=NOW, timezone=zone)


@pytest.mark.parametrize(
    ("text", "before", "start"),
    [
        ("2026-Q3", "2026-Q2", datetime(2026, 4, 1, tzinfo=UTC)),
        ("2026-Q1", "2025-Q4", datetime(2025, 10, 1, tzinfo=UTC)),
        ("2026-03", "2026-02", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-01", "2025-12", datetime(2025, 12, 1, tzinfo=UTC)),
        ("2026-07-15", "2026-07-14", datetime(2026, 7, 14, tzinfo=UTC)),
    ],
)
def test_the_window_before(text: str, before: str, start: datetime) -> None:
    window = parse_window(text, now=NOW)
    assert (window.previous().name, window.previous().start, window.previous().end) == (before, start, window.start)


@pytest.mark.parametrize(("text", "before"), [("2026-Q2", "2026-Q1"), ("2026-11", "2026-10"), ("2026-03", "2026-02")])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC"])
def test_the_window_before_in_its_zone(text: str, before: str, zone: str) -> None:
    window = parse_window(text, now=NOW, timezone=zone)
    assert window.previous() == parse_window(before, now=NOW, timezone=zone)


def test_the_window_before_a_part_is_as_long_as_the_part() -> None:
    part = parse_window("2026-08", now=NOW).clip(datetime(2026, 8, 30, tzinfo=UTC), None)
    assert part is not None
    assert (part.previous().start, part.previous().end) == (datetime(2026, 8, 28, tzinfo=UTC), part.start)


MOMENT = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(MOMENT, MOMENT, MOMENT | st.none(), MOMENT | st.none())
def test_a_clipped_window_lies_in_both(
    one: datetime, two: datetime, start: datetime | None, end: datetime | None
) -> None:
    window = Window(min(one, two), max(one, two) + timedelta(seconds=1), "w")
    clipped = window.clip(start, end)
    if clipped is not None:
        assert window.start <= clipped.start < clipped.end <= window.end
        assert start is None or clipped.start >= start
        assert end is None or clipped.end <= end


@pytest.mark.parametrize(
    ("text", "meant"), [("2026-q3", "2026-Q3"), ("Last-30D", "last-30d"), (" LAST-QUARTER", "last-quarter")]
)
def test_a_window_in_other_letters_is_named(text: str, meant: str) -> None:
    with pytest.raises(GovernanceError) as refused:
        parse_window(text, now=NOW)
    assert refused.value.hint == f"did you mean '{meant}'?"
