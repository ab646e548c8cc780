"""A new kind of check is one new file: this one is written here, and everything that lists kinds knows it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

import governance as gov
import governance.checks
from governance import extensions
from governance.assessment import assess
from governance.cli import main
from governance.findings import Verdict, parse_window
from governance.policies.language import language
from governance.policies.policy import read_policies
from tests.small_quarter import make_quarter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KIND = '''"""Counts decisions."""

from governance.checks import Check
from governance.findings import Judgement, Observation, Verdict


class QuietWeeks(Check):
    """How many decisions there are.

    Example:
        - id: enough
          kind: quiet-weeks
          least: 10
    """

    minimum_n: int = 1
    least: int

    def statement(self, scope):
        return f"SELECT '{{}}' AS subject, count(*)::DOUBLE AS value, count(*) AS n FROM {scope.decisions()} d"

    def observe(self, rows, scope):
        return [Observation((), "decisions", row["value"], "decisions", row["n"]) for row in rows]

    def limit(self):
        return {"least": self.least}

    def judge(self, observation):
        enough = observation.value >= self.least
        return Judgement(Verdict.PASSED if enough else Verdict.FAILED, None if enough else "too few", self.limit())
'''
POLICY = """\
policy: counting
version: 1
owner: desk-lead
in_force: {from: 2026-01-01}
checks:
  - {id: enough, kind: quiet-weeks, least: 1000}
"""


@pytest.fixture
def new_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The file lies in a folder that counts as part of the package, so that the checkout stays as it is."""
    (tmp_path / "quiet_weeks.py").write_text(KIND, encoding="utf-8")
    monkeypatch.setattr(governance.checks, "__path__", [*governance.checks.__path__, str(tmp_path)])
    extensions.checks.cache_clear()
    yield
    sys.modules.pop("governance.checks.quiet_weeks", None)
    monkeypatch.undo()
    extensions.checks.cache_clear()


@pytest.mark.usefixtures("new_kind")
def test_schema_and_manual_know_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert "check-quiet-weeks" in language()["$defs"]
    with pytest.raises(SystemExit) as stopped:
        main(["policy", "show", "quiet-weeks", "--json"])
    assert stopped.value.code == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["manual"].startswith("How many decisions there are.")
    assert "least" in shown["schema"]["properties"]


@pytest.mark.usefixtures("new_kind")
def test_a_policy_uses_it_and_the_report_shows_it(tmp_path: Path) -> None:
    small_quarter = make_quarter(tmp_path / "quarter")
    path = tmp_path / "counting.yaml"
    path.write_text(POLICY, encoding="utf-8")
    now = datetime(2026, 10, 3, tzinfo=UTC)
    window = parse_window("2026-Q3", now=now)
    found = assess(small_quarter.workspace, read_policies([path]), window, now=now).findings
    assert [(finding.check, finding.judgement.verdict, finding.judgement.reason) for finding in found] == [
        ("enough", Verdict.FAILED, "too few")
    ]
    quarter = gov.open(small_quarter.workspace.root).window("2026-Q3")
    assert "counting" in gov.exhibits.checks.table(quarter).plain()
    assert "counting: enough" in gov.exhibits.findings.open_ones(quarter).plain()
    assert "enough" in gov.exhibits.checks.others(quarter).plain()
