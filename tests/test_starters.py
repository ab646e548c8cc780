"""Shipped policies: valid, each with an approval, and each check gives a verdict or its reason on a small store."""

from __future__ import annotations

from pathlib import Path

import pytest

from governance.assessment import assess
from governance.findings import Verdict, parse_window
from governance.policies.lint import warnings
from governance.policies.policy import read_policies
from governance.workspace import Workspace
from tests.desk import NOW, make_desk

REPOSITORY = Path(__file__).parents[1]
FOLDERS = [REPOSITORY / "policies", REPOSITORY / "policies" / "starters"]
STARTERS = [policy.path for policy in read_policies(FOLDERS)]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_desk(tmp_path_factory.mktemp("starters") / "desk")


def test_there_are_five_of_them() -> None:
    names = {path.stem for path in STARTERS}
    assert names == {"credit-decisions", "llm-assistant", "model-operations", "cost", "hiring-ll144"}


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: path.stem)
def test_each_runs_on_a_small_store(path: Path, desk: Workspace) -> None:
    policies = read_policies([path])
    found = assess(desk, policies, parse_window("2026-Q3", now=NOW), now=NOW).findings
    assert {one.check for one in found} == {check.id for check in policies[0].checks}
    assert [one.judgement.reason for one in found if one.judgement.verdict is Verdict.ERRORED] == []
    assert all(one.judgement.reason for one in found if one.judgement.verdict is Verdict.NOT_ASSESSED)


@pytest.mark.parametrize("path", STARTERS, ids=lambda path: path.stem)
def test_each_says_nothing_that_is_without_effect_when_it_comes_into_force(path: Path) -> None:
    (policy,) = read_policies([path])
    rules = {one.rule for one in warnings(policy, policy.head.in_force.from_)}
    assert rules <= {"control-not-yet"}  # duties that come later are named on purpose


def test_a_new_workspace_checks_what_lies_on_top_and_keeps_the_others_beside(tmp_path: Path) -> None:
    from governance.workspace import make_workspace

    made = make_workspace(
        tmp_path / "new", environment={"XDG_CONFIG_HOME": str(tmp_path)}, now="2026-10-02T08:00:00.000000Z"
    )
    on_top = {policy.name for policy in read_policies([made.policies])}
    assert on_top == {"credit-decisions", "llm-assistant", "model-operations", "cost"}
    assert {policy.name for policy in read_policies([made.policies / "starters"])} == {"hiring-ll144"}
