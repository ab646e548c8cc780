"""Control coverage: which stored findings answer which controls of the catalogue, and how far.

1. Evidence are the findings of every window that lies in the period, of each check and window those of the newest run.
2. What their verdicts make of a control is for the catalogue to say, which honours dates and status: `state_of`.
3. Command and report both ask here, so that they cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from governance.controls.catalogue import Control, Framework, State, read_framework, state_of
from governance.findings import Window
from governance.history.issues import History

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Covered:
    """A control in a period.

    Attributes:
        control: The control.
        state: How far the findings answer it.
        findings: Stored findings that name it, whatever their verdict.
    """

    control: Control
    state: State
    findings: tuple[Row, ...]

    @property
    def verdicts(self) -> dict[str, int]:
        """Verdict -> number of findings, those that occur."""
        counts: dict[str, int] = {}
        for row in self.findings:
            counts[row["verdict"]] = counts.get(row["verdict"], 0) + 1
        return dict(sorted(counts.items()))


class FrameworkCoverage(NamedTuple):
    """A framework with its controls, in the order of the instrument."""

    framework: Framework
    controls: tuple[Covered, ...]

    def count(self, *states: State) -> int:
        """How many controls are in one of some states."""
        return sum(one.state in states for one in self.controls)


def coverage(history: History, frameworks: Iterable[str], window: Window) -> list[FrameworkCoverage]:
    """Every control of some frameworks, with its state and its findings in a period.

    Args:
        history: The findings of a store.
        frameworks: Ids of those in scope.
        window: The period; it begins and ends with days of its time zone.

    Raises:
        NotFoundError: There is no such framework.
    """
    by_control = _findings_by_control(history.within(window))
    first, last = _days(window)
    found = []
    for name in frameworks:
        framework, controls = read_framework(name)
        found.append(
            FrameworkCoverage(
                framework, tuple(_covered(one, by_control.get(one.id, ()), first, last) for one in controls)
            )
        )
    return found


def _findings_by_control(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        for control in dict.fromkeys(row["controls"]):
            found.setdefault(control, []).append(row)
    return found


def _covered(control: Control, rows: Sequence[Row], first: date, last: date) -> Covered:
    return Covered(control, state_of(control, (row["verdict"] for row in rows), first, last), tuple(rows))


def _days(window: Window) -> tuple[date, date]:
    """First and last day of a window, in its zone."""
    zone = ZoneInfo(window.timezone)
    return window.start.astimezone(zone).date(), (window.end - timedelta(microseconds=1)).astimezone(zone).date()
