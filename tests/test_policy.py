"""Policies: every mistake at once with its line, versions that follow each other, waivers with four eyes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from governance.errors import GovernanceError, NotFoundError, PolicyError
from governance.policies.policy import Policy, find_policies, language, read_policies

GOOD = """\
policy: credit
version: 1
owner: risk
in_force: {from: 2026-01-01}
checks:
  - id: spend
    kind: cost-budget
    max_usd: 10
    per: month
"""


def write(folder: Path, text: str, name: str = "policy.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def mistakes(folder: Path, text: str) -> list[tuple[str, str, str | None]]:
    """Line, text and hint of every mistake."""
    with pytest.raises(PolicyError) as caught:
        read_policies([write(folder, text)])
    return [(mistake.where.split(":")[1], mistake.what, mistake.hint) for mistake in caught.value.mistakes]


def test_a_field_that_a_check_needs_leads_to_the_manual_of_its_kind(tmp_path: Path) -> None:
    text = GOOD.split("checks:", maxsplit=1)[0] + "checks:\n  - {id: slow, kind: latency-slo, quantile: 0.95}\n"
    assert ("the field 'max_ms' is missing", "`governance policy show latency-slo` says what it means") in [
        (found[1], found[2]) for found in mistakes(tmp_path, text)
    ]


def test_three_mistakes_are_told_at_once_in_order(tmp_path: Path) -> None:
    text = GOOD.replace("owner: risk\n", "").replace("cost-budget", "cost-budgt") + (
        "  - id: spend\n    kind: cost-budget\n    max_usd: 10\n    per: month\n    colour: red\n"
    )
    found = mistakes(tmp_path, text)
    assert len(found) == 3
    assert [what for _, what, _ in found] == [
        "the field 'owner' is missing",
        "no check is called 'cost-budgt'",
        "no field is called 'colour'",
    ]
    assert [line for line, _, _ in found][1:] == ["6", "13"]
    assert found[1][2] == "did you mean 'cost-budget'?"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("    per: month\n", "    per: month\n    where: (SELECT 1) = 1\n", "10", "a subquery is not allowed in it"),
        ("in_force:", "applies_to: {where: getenv('HOME') = model}\nin_force:", "4", "'getenv' is not allowed"),
        ("    per: month\n", "    per: month\n    where: x = 1 -- y\n", "10", "it holds a comment"),
        ("    per: month\n", "    per: month\n    controls: [iso-42001:9.9.9.9]\n", "10", "no control is called"),
        ("policy: credit", "policy: Credit Policy", "1", "this is no name"),
        ("from: 2026-01-01", "from: 2026-13-01", "4", "day"),
        ("kind: cost-budget\n", "kinds: cost-budget\n", "6", "the check has no kind"),
    ],
)
def test_one_mistake(tmp_path: Path, old: str, new: str, line: str, said: str) -> None:
    found = mistakes(tmp_path, GOOD.replace(old, new))
    assert [(where, said in what) for where, what, _ in found] == [(line, True)], found


WAIVER = """\
waivers:
  - check: spend
    reason: agreed
    requested_by: A. Engineer
    approved_by: B. Officer
    until: 2026-06-30
    subject: {business_unit: retail}
"""


def test_waivers_need_two_people_an_end_and_a_check(tmp_path: Path) -> None:
    (policy,) = read_policies([write(tmp_path, GOOD + WAIVER)])
    (waiver,) = policy.head.waivers
    subject = (("business_unit", "retail"), ("month", "2026-05"))
    assert waiver.covers("spend", subject, date(2026, 6, 30))
    assert not waiver.covers("spend", subject, date(2026, 7, 1))
    assert not waiver.covers("spend", (("business_unit", "private"),), date(2026, 6, 30))
    assert not waiver.covers("other", subject, date(2026, 6, 30))
    same = mistakes(tmp_path, GOOD + WAIVER.replace("B. Officer", "a. engineer "))
    assert "cannot approve it" in same[0][1]
    assert "is missing" in mistakes(tmp_path, GOOD + WAIVER.replace("    until: 2026-06-30\n", ""))[0][1]
    unknown = mistakes(tmp_path, GOOD + WAIVER.replace("check: spend", "check: spent"))
    assert unknown == [("11", "no check of this policy is called 'spent'", "did you mean 'spend'?")]


def test_two_checks_of_one_name(tmp_path: Path) -> None:
    ((line, what, _),) = mistakes(tmp_path, GOOD + GOOD[GOOD.index("  - id") :])
    assert (line, what) == ("10", "two checks are called 'spend'")


class TestVersions:
    def read(self, folder: Path, *texts: str) -> list[Policy]:
        for place, text in enumerate(texts):
            write(folder, text, f"{place}.yaml")
        return read_policies([folder])

    def test_each_ends_where_the_next_begins(self, tmp_path: Path) -> None:
        later = GOOD.replace("version: 1", "version: 2").replace("2026-01-01", "2026-04-01")
        first, second = self.read(tmp_path, later, GOOD)
        assert (first.version, first.head.in_force.to) == ("1", date(2026, 4, 1))
        assert (second.version, second.head.in_force.to) == ("2", None)

    def test_a_gap_is_allowed_and_an_overlap_is_not(self, tmp_path: Path) -> None:
        ended = GOOD.replace("from: 2026-01-01", "from: 2026-01-01, to: 2026-02-01")
        later = GOOD.replace("version: 1", "version: 2").replace("2026-01-01", "2026-04-01")
        assert self.read(tmp_path, ended, later)[0].head.in_force.to == date(2026, 2, 1)
        with pytest.raises(PolicyError, match="versions 1 and 2 of 'credit' are in force on the same days"):
            self.read(tmp_path, ended.replace("2026-02-01", "2026-05-01"), later)
        with pytest.raises(PolicyError, match="in force on the same days"):
            self.read(tmp_path, GOOD, GOOD.replace("version: 1", "version: 2"))


def test_policies_are_found_by_name_file_and_folder(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    path = write(folder, GOOD)
    write(folder, GOOD.replace("policy: credit", "policy: other"), "other.yml")
    assert [policy.name for policy in find_policies(folder, [])] == ["other", "credit"]
    assert [policy.name for policy in find_policies(folder, ["credit"])] == ["credit"]
    assert [policy.name for policy in find_policies(folder, [str(path)])] == ["credit"]
    with pytest.raises(NotFoundError, match="no policy is called 'credi'") as caught:
        find_policies(folder, ["credi"])
    assert caught.value.hint == "did you mean 'credit'?"
    with pytest.raises(NotFoundError, match="the folder holds no policy"):
        read_policies([tmp_path])
    with pytest.raises(GovernanceError, match="no such policy"):
        read_policies([tmp_path / "none.yaml"])


def test_what_is_no_policy(tmp_path: Path) -> None:
    assert mistakes(tmp_path, GOOD.replace("checks:", "checks: []\nother:"))
    with pytest.raises(PolicyError, match="a policy is a YAML mapping"):
        read_policies([write(tmp_path, "- a\n")])
    with pytest.raises(PolicyError):
        read_policies([write(tmp_path, "policy: [\n")])


def test_the_language_names_every_kind() -> None:
    schema = language()
    listed = schema["properties"]["checks"]["items"]["oneOf"]
    assert {"$ref": "#/$defs/check-cost-budget"} in listed
    assert all(one["$ref"].removeprefix("#/$defs/") in schema["$defs"] for one in listed)


def test_case_files_that_a_shell_names_with_their_policies_are_passed_over(tmp_path: Path) -> None:
    policy, cases = write(tmp_path, GOOD, "credit.yaml"), write(tmp_path, "- name: x\n", "credit.cases.yaml")
    assert [one.path for one in read_policies(sorted([policy, cases]))] == [policy]
    with pytest.raises(NotFoundError, match="these are the cases of a policy") as caught:
        read_policies([cases])
    assert caught.value.hint == f"name {policy}"
