"""Which findings answer which control: windows within the period, the newest run of each, days of the zone."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from governance.controls import coverage as control_coverage
from governance.controls.catalogue import State, read_framework
from governance.controls.coverage import coverage
from governance.findings import Window, parse_window
from governance.history.issues import History, read_history
from tests.small_quarter import NOW, Quarter, make_quarter

OWN = "eu-ai-act:26.5"


@dataclass
class Recorded:
    """Findings that a history would name."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def within(self, window: Window) -> list[dict[str, Any]]:
        del window
        return self.rows


def answered(controls: list[str], verdicts: list[str]) -> History:
    return cast("History", Recorded([{"controls": controls, "verdict": verdict} for verdict in verdicts]))


def quarter_of(zone: str = "UTC") -> Window:
    return parse_window("2026-Q3", now=NOW, timezone=zone)


def test_keeps_the_order_of_the_instrument_and_of_the_frameworks() -> None:
    found = coverage(answered([], []), ("nyc-ll144", "gdpr"), quarter_of())
    assert [one.framework.id for one in found] == ["nyc-ll144", "gdpr"]
    assert [c.control for c in found[1].controls] == list(read_framework("gdpr")[1])
    assert found[1].count(State.MISSING, State.BEYOND) == len(found[1].controls)


def test_a_finding_counts_once_for_a_control_that_it_names_twice() -> None:
    own = coverage(answered(["gdpr:22.3", "gdpr:22.3"], ["passed", "failed", "passed"]), ["gdpr"], quarter_of())[0]
    control = next(c for c in own.controls if c.control.id == "gdpr:22.3")
    assert (control.state, control.verdicts) == (State.WITH_FINDING, {"failed": 1, "passed": 2})


@pytest.mark.parametrize(
    ("zone", "state"),
    [("UTC", State.NOT_APPLICABLE), ("Pacific/Kiritimati", State.NOT_APPLICABLE), ("US/Hawaii", State.NOT_APPLICABLE)],
)
def test_the_last_day_of_a_window_is_that_of_its_zone(zone: str, state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    framework, controls = read_framework("gdpr")
    # It applies from the first day after the quarter, which begins hours earlier or later elsewhere
    control = controls[0].model_copy(update={"dates": {"applies_from": datetime(2026, 10, 1, tzinfo=UTC).date()}})
    monkeypatch.setattr(control_coverage, "read_framework", lambda _: (framework, (control,)))
    assert coverage(answered([control.id], ["passed"]), ["gdpr"], quarter_of(zone))[0].controls[0].state is state


@pytest.fixture(scope="module")
def quarter(tmp_path_factory: pytest.TempPathFactory) -> Quarter:
    return make_quarter(tmp_path_factory.mktemp("coverage") / "desk")


@pytest.mark.parametrize(
    ("window", "verdicts"),
    [
        ("2026-Q3", {"failed": 1, "passed": 1}),
        ("2026-Q2", {"passed": 2}),
        ("2026-04-01..2026-10-01", {"failed": 1, "passed": 3}),
        ("2026-07-02..2026-10-01", {}),
        ("2026-08", {}),
    ],
)
def test_evidence_is_what_was_found_in_windows_within_the_period(
    quarter: Quarter, window: str, verdicts: dict[str, int]
) -> None:
    own = coverage(read_history(quarter.workspace), ["eu-ai-act"], parse_window(window, now=NOW))[0]
    assert next(c for c in own.controls if c.control.id == OWN).verdicts == verdicts
    assert sum(bool(c.findings) for c in own.controls) == bool(verdicts)
