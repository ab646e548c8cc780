"""Windows, the newest run of each check, and where statements find their tables."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import governance as gov
from governance.assessment import assess
from governance.engines.duckdb import Engine
from governance.errors import GovernanceError
from governance.exhibits import period as periods
from governance.exhibits.period import Period, span_of
from governance.findings import parse_window
from governance.policies.policy import read_policies
from governance.storage.store import Store
from governance.workspace import Workspace
from tests.small_quarter import NOW, Quarter

if TYPE_CHECKING:
    from governance.exploration import View


def test_takes_the_findings_of_the_window_and_of_the_one_before(view: View) -> None:
    assert {one.version for one in view.judged} == {"2"}
    assert {one.version for one in view.judged_before} == {"1"}
    ratio = {one.about(): one.value for one in view.of_kind("fairness-")}
    assert ratio == {"sex female": pytest.approx(0.3125), "sex male": 1.0}


def test_takes_the_newest_run_where_a_window_was_checked_twice(small_quarter: Quarter, tmp_path: Path) -> None:
    old = small_quarter.workspace
    shutil.copytree(old.root, tmp_path / "desk", symlinks=True)
    own = Workspace(tmp_path / "desk", "UTC", 1, keep_payloads=False, keep_raw=False, key=old.key)
    file = own.policies / "desk-2.yaml"
    file.write_text(file.read_text().replace("min: 0.8\n    minimum_n", "min: 0.3\n    minimum_n"))
    assess(own, read_policies([own.policies]), small_quarter.window, now=NOW)
    found = gov.open(own.root).window("2026-Q3")
    verdicts = {one.about(): one.verdict for one in found.of_kind("fairness-impact-ratio")}
    assert verdicts == {"sex female": "passed", "sex male": "passed"}
    before = gov.open(own.root, as_of=small_quarter_size(small_quarter)).window("2026-Q3")
    assert {one.verdict for one in before.of_kind("fairness-impact-ratio")} == {"failed", "passed"}
    changed = gov.exhibits.policies.in_force(found).to_html()
    assert "Version 2 of desk was changed in place: 2 files bear it." in changed


def small_quarter_size(small_quarter: Quarter) -> int:
    return Store(small_quarter.workspace.store).snapshot().checkpoint.size


def test_two_windows_of_one_store_do_not_mix(small_quarter: Quarter) -> None:
    store = gov.open(small_quarter.workspace.root)
    own, before = store.window("2026-Q3"), store.window("2026-08")
    assert "80" in gov.exhibits.decisions.by_stage(own).plain()
    assert gov.exhibits.decisions.by_stage(before).plain() != gov.exhibits.decisions.by_stage(own).plain()
    own.queries.clear()
    total = own.rows("test", f"SELECT count(*) AS n FROM decisions WHERE {own.during('decision_ts')}")
    assert total == [{"n": 80}]


def test_reads_the_same_where_tables_are_too_large_for_memory(
    small_quarter: Quarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = gov.exhibits.board.page(gov.open(small_quarter.workspace.root).window("2026-Q3")).to_json()
    monkeypatch.setattr(periods, "MOST_IN_MEMORY", 1)
    assert gov.exhibits.board.page(gov.open(small_quarter.workspace.root).window("2026-Q3")).to_json() == usual


def test_the_window_before_follows_the_calendar_of_the_zone() -> None:
    now = datetime(2026, 10, 2, tzinfo=UTC)
    window = parse_window("2026-Q2", now=now, timezone="Europe/Berlin")
    before = span_of(window).previous
    # Midnight of 1 January is at 23:00 UTC in winter, that of 1 April at 22:00 in summer
    assert (before.start, before.end) == (datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC))


def test_a_store_without_a_window_has_no_exhibits(small_quarter: Quarter) -> None:
    snapshot = Store(small_quarter.workspace.store).snapshot()
    with Engine() as engine, pytest.raises(GovernanceError, match="needs a window"):
        gov.exhibits.board.page(Period(snapshot, engine))
