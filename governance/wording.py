"""Subjects and figures in words, the same on the terminal and in a report."""

from __future__ import annotations

from collections.abc import Mapping

from governance import display

_SHORT = {"minutes": "min"}
CALENDAR_KEYS = ("hour", "day", "week", "month", "quarter", "year")


def words(subject: Mapping[str, str | None]) -> str:
    """A subject as a reader would say it: `sex female, age band 25-`; nothing named means all records."""
    return ", ".join(_said(name, value) for name, value in subject.items()) or "all"


def _said(name: str, value: str | None) -> str:
    if value is None:
        return f"{name.replace('_', ' ')} not stated"
    if name == "expectation":  # as Great Expectations names it, in words, and its column as it is
        kind, opened, column = value.removeprefix("expect_").partition("(")
        return f"{kind.replace('_', ' ')} {opened}{column}".rstrip()
    return value if name in CALENDAR_KEYS else f"{name.replace('_', ' ')} {value}"


def measured(value: float, unit: str) -> str:
    """A figure with its unit, as it stands in a sentence or a table of mixed units."""
    match unit:
        case "share":
            return display.share(value)
        case "usd":
            return display.money(value, "USD")
        case "ms" if abs(value) >= 10_000:  # noqa: PLR2004 - ten seconds, where milliseconds stop meaning anything
            return f"{display.number(value / 1000, 1)}{display.THIN}s"
        case "days overdue" if value < 0:  # a day that is still to come is no negative one
            return f"due in {display.number(-value)}{display.THIN}days"
        case "ratio" | "score" | "index":
            return display.number(value, 3)
        case _:
            return f"{display.number(value)}{display.THIN}{_SHORT.get(unit, unit).replace('_', ' ')}"


def percent(limit: float) -> str:
    """A limit on a share as a reason says it: 0.08 is `8%`."""
    return f"{100 * limit:.4g}%"
