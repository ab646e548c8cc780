"""The stretch of time that a stored finding is about: its part of the calendar, else its window."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

ACUTE = ("failed", "warned", "errored")  # verdicts that call for action

_FORMS = {  # how a part of the calendar is spelled in a subject
    "hour": re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:00"),
    "day": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "week": re.compile(r"\d{4}-W\d{2}"),
    "month": re.compile(r"\d{4}-\d{2}"),
    "quarter": re.compile(r"\d{4}-Q[1-4]"),
    "year": re.compile(r"\d{4}"),
}


class Period(NamedTuple):
    """A stretch of time, comparable: the earlier one begins first, or ends first where both begin together.

    Attributes:
        begins: First moment as text, as exact as it is known; texts of this form stand in the order of time.
        ends: The end of a window; empty for a part of the calendar, whose name says it.
        name: As a reader knows it.
    """

    begins: str
    ends: str
    name: str


def calendar_part(subject: Mapping[str, str | None]) -> tuple[str, str] | None:
    """Name and value of the part of the calendar that a subject names, such as ("month", "2026-07"); None without."""
    for name, form in _FORMS.items():
        value = subject.get(name)
        if value is not None and form.fullmatch(value):
            return name, value
    return None


def period(row: Mapping[str, Any]) -> Period:
    """What a stored finding is about in time."""
    part = calendar_part(json.loads(row["subject"]))
    if part is None:
        return Period(row["window_start"], row["window_end"], f"{row['window_start'][:10]} to {row['window_end'][:10]}")
    return Period(_begins(*part), "", part[1])


def without_part(subject: str) -> str:
    """A stored subject without its part of the calendar: what stays the same from one period to the next."""
    own: dict[str, str | None] = json.loads(subject)
    part = calendar_part(own)
    return json.dumps({name: value for name, value in own.items() if part is None or name != part[0]}, sort_keys=True)


class Timeline:
    """The findings of a series that passed or called for action, in the order of their periods, the last of each."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        judged = {period(row): row for row in rows if row["verdict"] in (*ACUTE, "passed")}
        self._order = sorted(judged)
        self._rows = [judged[one] for one in self._order]

    def around(self, now: Period) -> tuple[list[Mapping[str, Any]], Mapping[str, Any] | None]:
        """Those of earlier periods that called for action, and the last of the later ones if it passed."""
        earlier = [row for row in self._rows[: bisect_left(self._order, now)] if row["verdict"] in ACUTE]
        last = self._rows[-1] if self._order and self._order[-1] > now else None
        return earlier, last if last is not None and last["verdict"] == "passed" else None


def _begins(name: str, value: str) -> str:
    if name == "week":
        return date.fromisocalendar(int(value[:4]), int(value[6:]), 1).isoformat()
    if name == "quarter":
        return f"{value[:4]}-{3 * int(value[6]) - 2:02d}"
    return value
