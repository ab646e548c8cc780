"""Case files beside policies -> where a policy does not say what its authors expect.

`credit.cases.yaml` belongs to `credit.yaml`, and is a list of cases:

    - name: a group below four fifths
      window: 2026-07                     # as --window; the month in which the version comes into force unless given
      timezone: Europe/Berlin             # of the workspace; UTC unless given
      rows: {decisions: [{repeat: 40, model: credit-1, decision: refused, subjects: {sex: female}}]}
      expect:
        - {check: four-fifths, subject: {sex: female}, verdict: failed, value: 3/4, n: 40, reason: text in it}

The rows are those of `policy_cases`. Of each check that `expect` names, every finding that calls for action (failed,
warned, errored) must be expected; findings that do not may be left out. Waivers count as they would in a check.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from governance.documents import yamltext
from governance.documents.validation import validation_mistakes
from governance.engines.duckdb import Engine
from governance.errors import GovernanceError, Mistake, PolicyError, nearest
from governance.examination import Examination, Ground
from governance.findings import Finding, Verdict, Window, parse_window
from governance.measurement.scopes import subject_text
from governance.policies.cases import lay_out
from governance.policies.policy import CASES_SUFFIX, Policy

_ALARMS = (Verdict.FAILED, Verdict.WARNED, Verdict.ERRORED)


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Expected(_Written):
    """A finding that a case expects; what is left out may be anything."""

    check: str
    subject: dict[str, str | None] = Field(default_factory=dict)
    verdict: Literal["passed", "failed", "warned", "not_assessed", "errored", "waived"]
    value: float | str | None = None
    n: int | None = None
    reason: str | None = None
    counts: dict[str, Any] = Field(default_factory=dict)

    @field_validator("value")
    @classmethod
    def _is_number(cls, value: float | str | None) -> float | str | None:
        try:
            Fraction(str(value or 0))
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError(f"'{value}' is no number; write 0.75 or 3/4") from error
        return value


class Case(_Written):
    """Rows, and what the checks of the policy must find in them."""

    name: str
    window: str | None = None
    timezone: str = "UTC"
    rows: dict[str, Any] = Field(default_factory=dict)
    expect: tuple[Expected, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _window_is_one(self) -> Case:
        try:
            parse_window(self.window or "2026-01", now=datetime(2026, 1, 1, tzinfo=UTC), timezone=self.timezone)
        except GovernanceError as error:
            raise ValueError(error.what) from error
        return self


@dataclass(frozen=True, slots=True)
class Difference:
    """A finding that is not as expected.

    Attributes:
        where: File and line of the case.
        case: Its name.
        check: Check that found it.
        subject: What it is about, as JSON text.
        expected: What the case expects, in words.
        found: What was found.
    """

    where: str
    case: str
    check: str
    subject: str
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of the cases of one policy version.

    Attributes:
        policy: The version.
        path: Its case file, None where there is none.
        cases: Number of cases.
        findings: Number of findings that were expected.
        differences: Those that are not as expected.
        untried: Checks that no case names.
    """

    policy: Policy
    path: Path | None
    cases: int
    findings: int
    differences: tuple[Difference, ...]
    untried: tuple[str, ...]


def try_policy(policy: Policy) -> Trial:
    """Runs the checks of a policy version on the cases beside its file.

    Raises:
        PolicyError: The case file has mistakes.
        GovernanceError: The rows of a case cannot be laid out.
    """
    path = policy.path.with_name(policy.path.stem + CASES_SUFFIX)
    if not path.is_file():
        return Trial(policy, None, 0, 0, (), tuple(check.id for check in policy.checks))
    document = yamltext.parse(path.read_bytes(), str(path))
    cases = _read(document, policy)
    differences = [found for place, case in enumerate(cases) for found in _differences(policy, case, document, place)]
    named = {item.check for case in cases for item in case.expect}
    untried = tuple(check.id for check in policy.checks if check.id not in named)
    return Trial(policy, path, len(cases), sum(len(case.expect) for case in cases), tuple(differences), untried)


def _read(document: yamltext.Document, policy: Policy) -> list[Case]:
    listed = document.value
    if not isinstance(listed, list) or not listed:
        raise PolicyError([Mistake(document.where, "a case file is a list of cases", "it begins with '- name: TEXT'")])
    cases, mistakes = [], list[Mistake]()
    known = [check.id for check in policy.checks]
    for place, item in enumerate(listed):
        try:
            case = Case.model_validate(item)
        except ValidationError as error:
            mistakes.extend(validation_mistakes(error, document, Case, (place,)))
            continue
        cases.append(case)
        for number, expected in enumerate(case.expect):
            if expected.check not in known:
                at = document.at((place, "expect", number, "check"))
                what = f"no check of {policy.name} {policy.version} is called '{expected.check}'"
                mistakes.append(Mistake(at, what, nearest(expected.check, known)))
    if mistakes:
        raise PolicyError(mistakes)
    return cases


def _differences(policy: Policy, case: Case, document: yamltext.Document, place: int) -> Iterator[Difference]:
    where = f"{document.where}:{document.line((place,))}"
    found = _findings(policy, case, where)
    wanted = {(item.check, frozenset(item.subject.items())): item for item in case.expect}
    seen = {(one.check, frozenset(one.observation.subject)): one for one in found}
    for key, item in wanted.items():
        one = seen.get(key)
        if one is None:
            others = ", ".join(_about(other) for other in found if other.check == item.check)
            said = f"no such finding; subjects are {others}"
        else:
            said = _said(one)
        if one is None or not _agrees(item, one):
            about = subject_text(tuple(item.subject.items()))
            yield Difference(where, case.name, item.check, about, _wished(item), said)
    for key, one in seen.items():
        if key not in wanted and one.judgement.verdict in _ALARMS:
            yield Difference(where, case.name, one.check, _about(one), "nothing that calls for action", _said(one))


def _about(one: Finding) -> str:
    return subject_text(one.observation.subject)


def _findings(policy: Policy, case: Case, where: str) -> list[Finding]:
    """What the checks that the case names find in its rows."""
    window = _window(policy, case, where)
    named = {item.check for item in case.expect}
    with Engine() as engine:
        try:
            columns = lay_out(engine, case.rows, window.start)
        except GovernanceError as error:
            raise GovernanceError(error.what, where=f"{where}: {error.where}", hint=error.hint) from error
        run = Examination(engine, Ground(columns, case.timezone), window, window.end, "case")
        return [one for check in policy.checks if check.id in named for one in run.check(policy, check, window)]


def _window(policy: Policy, case: Case, where: str) -> Window:
    """The window of a case, in the part in which the version is in force."""
    start, end = policy.in_force(case.timezone)
    name = case.window or f"{policy.head.in_force.from_:%Y-%m}"
    window = parse_window(name, now=start, timezone=case.timezone)
    own = window.clip(start, end)
    if own is None:
        hint = f"it is in force from {policy.head.in_force.from_}"
        raise GovernanceError(f"version {policy.version} is not in force in {name}", where=where, hint=hint)
    return own


def _agrees(item: Expected, one: Finding) -> bool:
    seen = one.observation
    if item.value is not None:
        value = float(Fraction(str(item.value)))
        if seen.value is None or not math.isclose(seen.value, value, rel_tol=1e-9, abs_tol=1e-12):
            return False
    return (
        item.verdict == one.judgement.verdict
        and item.n in (None, seen.n)
        and (item.reason or "") in (one.judgement.reason or "")
        and all(seen.counts.get(name) == count for name, count in item.counts.items())
    )


def _wished(item: Expected) -> str:
    more = {"value": item.value, "n": item.n, "reason with": item.reason, "counts": item.counts or None}
    return _listed(item.verdict, [f"{name} {value}" for name, value in more.items() if value is not None])


def _said(one: Finding) -> str:
    seen = one.observation
    value = None if seen.value is None else f"value {seen.value:.6g}"
    return _listed(str(one.judgement.verdict), [value, f"n {seen.n}", one.judgement.reason])


def _listed(verdict: str, more: Sequence[str | None]) -> str:
    said = ", ".join(part for part in more if part)
    return f"{verdict} ({said})" if said else verdict
