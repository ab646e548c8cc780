"""The demo: every planted fault is found, nothing else on the clean twin, and each figure is found again in DuckDB."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from governance.assessment import assess
from governance.demo import QUARTERS, Play, play
from governance.errors import GovernanceError
from governance.findings import Verdict
from governance.policies.policy import read_policies
from governance.simulator import (
    DriftedInput,
    FallbackStorm,
    FaultPlan,
    GroupRefused,
    LoggingDown,
    OverBudget,
    Simulation,
    UnreviewedWeeks,
    WorseAnswers,
    simulate,
)
from governance.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
pytestmark = pytest.mark.slow


def _played(folder: Path, write: Callable[[Path], Simulation], home: Path) -> Play:
    environment = {"XDG_CONFIG_HOME": str(home)}
    return play(folder / "demo", write, environment=environment, say=lambda _: None, now=NOW, quarters=QUARTERS[-1:])


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Play:
    return _played(tmp_path_factory.mktemp("planted"), simulate, tmp_path_factory.mktemp("keys"))


def _failed_checks(played: Play) -> set[tuple[str, str]]:
    findings = played.assessments[-1].findings
    return {(f.policy, f.check) for f in findings if f.judgement.verdict is Verdict.FAILED}


def test_every_planted_fault_is_found(planted: Play) -> None:
    assert len(planted.faults()) == 7
    assert [fault.fault for fault in planted.faults() if not fault.found] == []


def test_nothing_errs_and_what_is_not_assessed_has_its_reason(planted: Play) -> None:
    findings = planted.assessments[-1].findings
    assert [f.judgement.reason for f in findings if f.judgement.verdict is Verdict.ERRORED] == []
    left = [f.judgement.reason for f in findings if f.judgement.verdict is Verdict.NOT_ASSESSED]
    assert len(left) <= 5
    assert all(left)


def test_the_starters_run_on_it(planted: Play, tmp_path: Path) -> None:
    """On a copy, as their findings are stored; attributes that the demo has not (race) are named, and nothing errs."""
    copy = replace(planted.workspace, root=tmp_path / "copy")
    shutil.copytree(planted.workspace.root, copy.root)
    starters = read_policies([copy.policies / "starters"])
    found = assess(copy, starters, planted.assessments[-1].window, now=NOW).findings
    assert {one.policy for one in found} == {"hiring-ll144"}
    assert [one.judgement.reason for one in found if one.judgement.verdict is Verdict.ERRORED] == []
    judged = {one.check for one in found if one.judgement.verdict is Verdict.PASSED}
    left = {one.check: one.judgement.reason for one in found if one.judgement.verdict is Verdict.NOT_ASSESSED}
    assert judged == {"fields-that-rates-need"}
    assert all("no record carries 'race'" in str(reason) for reason in left.values())


def test_the_clean_twin_fails_none_of_those_checks(tmp_path: Path, planted: Play) -> None:
    clean = _played(tmp_path, lambda folder: simulate(folder, clean=True), tmp_path / "keys")
    assert clean.faults() == ()
    must_not_fail = {(fault.policy, fault.check) for fault in planted.simulation.faults}
    assert _failed_checks(clean) & must_not_fail == set()


def test_other_faults_of_other_seed_group_month_and_size_are_found(tmp_path: Path) -> None:
    plan = FaultPlan(
        drifted_input=DriftedInput(feature="PAY_AMT1", month="2026-08", factor=3.0),
        worse_answers=WorseAnswers(month="2026-07", drop=0.25),
        fallback_storm=FallbackStorm(month="2026-09", days=4, share=0.5, drop=0.35),
        over_budget=OverBudget(unit="legal", month="2026-07", times=2.6),
        unreviewed_weeks=UnreviewedWeeks(month="2026-07", weeks=4),
        logging_down=LoggingDown(stream="credit", month="2026-08", hours=5),
        group_refused=GroupRefused(group={"sex": "male", "age_band": "50+"}, month="2026-07", share=0.5),
    )
    other = _played(tmp_path, lambda folder: simulate(folder, seed=77, faults=plan), tmp_path / "keys")
    assert [fault for fault in other.faults() if not fault.found] == []


PLAIN = """
import duckdb, json, sys

connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false")  # it would be drawn between the answers of a slow machine
connection.execute(open(sys.argv[1], encoding="utf-8").read())
for line in sys.stdin:
    sql, parameters = json.loads(line)
    rows = connection.sql(sql, params=parameters or None).project("subject, CAST(value AS DOUBLE)").fetchall()
    print(json.dumps([[json.loads(subject), value] for subject, value in rows]))
"""


def test_each_stored_figure_is_found_again_in_plain_duckdb(planted: Play) -> None:
    """Nothing of ours but the store: the script of views lies in it, each statement in its finding."""
    store = planted.workspace.store
    paths = [str(store / segment.path) for segment in Store(store).snapshot().segments["findings"]]
    stored = [
        (kind, json.loads(subject), value, json.loads(evidence))
        for kind, subject, value, evidence in duckdb.connect()
        .execute("SELECT kind, subject, value, evidence FROM read_parquet($paths)", {"paths": paths})
        .fetchall()
    ]
    assert len(stored) == len(planted.assessments[-1].findings)
    figures = [row for row in stored if row[2] is not None and row[3]["sql"]]
    assert {row[0] for row in stored if not row[3]["sql"]} <= {"integrity"}  # it reads files, not tables
    (views,) = {row[3]["views_sha256"] for row in figures}
    statements = sorted({json.dumps([row[3]["sql"], row[3]["parameters"]]) for row in figures})
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, f"blobs/{views}"],
        input="\n".join(statements),
        cwd=store,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr
    answers = dict(zip(statements, map(json.loads, done.stdout.splitlines()), strict=True))
    for _, subject, value, evidence in figures:
        found = [row[1] for row in answers[json.dumps([evidence["sql"], evidence["parameters"]])] if row[0] == subject]
        assert any(one == pytest.approx(value, rel=1e-12) for one in found), (subject, evidence["sql"])


def test_a_demo_folder_is_made_anew_and_leaves_one_key(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(RuntimeError, match="stop here"):
            _played(tmp_path, _stop, tmp_path / "keys")
    assert len(list((tmp_path / "keys").rglob("*.pem"))) == 1


def test_a_folder_that_is_not_the_demos_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(GovernanceError, match="not made by the demo"):
        _played(tmp_path, _stop, tmp_path / "keys")
    assert (tmp_path / "demo" / "thesis.txt").read_text(encoding="utf-8") == "mine"


def _stop(_: Path) -> Simulation:
    raise RuntimeError("stop here")
