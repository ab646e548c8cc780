"""Logs of which a fifth is hostile: every record ends where it has to, and every quarantined byte comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.hostile import read_hostile_log
from governance.simulator.hostile_records import LAYOUTS
from governance.simulator.hostility import BAD_CSV, BAD_JSON

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_record_of_a_hostile_log_ends_where_it_has_to(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("governance.batches.BATCH_RECORDS", 700)
    report, deviations = read_hostile_log(tmp_path, name, 1_500)
    assert deviations == []
    assert report.segments > 3
    assert report.quarantined > 100
    assert report.duplicates
    assert report.conflicts


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_record_longer_than_any_may_be_spoils_no_other(tmp_path: Path, name: str) -> None:
    report, deviations = read_hostile_log(tmp_path, name, 6_000, too_long=True)
    assert deviations == []
    assert report.reasons["too_long"] == 1


def test_there_are_more_than_ten_kinds_of_hostility() -> None:
    assert len(BAD_JSON) > 30
    assert len(BAD_CSV) > 10
