"""A stored finding, ready to be shown: its words, its limit, and how bad it is beside others."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from governance import display
from governance.findings import Verdict
from governance.wording import CALENDAR_KEYS, measured, words

ACUTE = (Verdict.FAILED, Verdict.ERRORED, Verdict.WARNED)  # somebody must act
WORST_FIRST = ("failed", "errored", "warned", "waived", "not_assessed", "passed")
SEVERITIES = ("critical", "high", "medium", "low")
_SIDE_WORDS = {"min": "at least", "max": "at most"}
_SIDES = {"min": "≥", "max": "≤", "worse_by": "≤", "share": "≥", "grace": "≤", "max_difference": "±"}
# A limit that names its unit is about figures in that unit.
_UNITS = {"ms", "usd", "share", "seconds", "minutes", "hours", "days"}
_NO_BOUNDS = {"min_value", "max_value", "minimum_n"}  # arguments of expectations, and a count of records
_NOTHING = "records"  # metric of a finding that only says why there is no figure: its unit is not that of the limit
_MADE_FOR = {
    "drop": "max_drop",
    "lost": "worse_by",
    "overdue": "grace_days",
    "age": "max_age_days",
}  # end of a metric -> the limit that it is judged against


class Bound(NamedTuple):
    """The number that a figure must not cross."""

    side: str  # "≥", "≤" or, for what may lie as far on either side of zero, "±": exactly on the limit holds
    value: float


@dataclass(frozen=True, slots=True)
class Found:
    """One stored finding.

    Attributes:
        finding_id: Its digest.
        policy, version, policy_sha256: The policy that asked.
        check, kind: The check.
        subject: What was measured, by name.
        metric, value, unit, interval, n, counts: The figure.
        limit: What it was judged against.
        verdict, reason: The judgement.
        severity, owner, due, controls: What follows.
        sql_sha256: Digest of the statement and its parameters.
        method: Fingerprint of the code that measured and judged.
        ledger_size: Entries that it was computed from.
        assessed: When it was judged, ISO text in UTC.
    """

    finding_id: str
    policy: str
    version: str
    policy_sha256: str
    check: str
    kind: str
    subject: Mapping[str, str | None]
    metric: str
    value: float | None
    unit: str
    interval: tuple[float, float] | None
    n: int
    counts: Mapping[str, Any]
    limit: Mapping[str, Any]
    verdict: str
    reason: str
    severity: str
    owner: str
    due: date | None
    controls: tuple[str, ...]
    sql_sha256: str
    method: str
    ledger_size: int
    assessed: str

    @property
    def key(self) -> tuple[str, str]:
        """Policy and check: the same in every window and version."""
        return self.policy, self.check

    @property
    def series(self) -> tuple[object, ...]:
        """Check, metric and subject without its part of the calendar: the same in every window."""
        named = sorted((name, str(value)) for name, value in self.subject.items() if name not in CALENDAR_KEYS)
        return *self.key, self.metric, *named

    @property
    def place(self) -> str:
        """Anchor of the table that shows the findings of its check."""
        return place(*self.key)

    @property
    def is_acute(self) -> bool:
        """Whether somebody must act."""
        return self.verdict in ACUTE

    @property
    def bound(self) -> Bound | None:
        """The number that the value is held against, where the limit has one; none where nothing was measured."""
        if self.value is None and self.metric == _NOTHING:
            return None
        own = _MADE_FOR.get(self.metric.rpartition("_")[2]) or self._named_after()
        for name, value in self.limit.items():
            side = _SIDES.get(name) or _SIDES.get(name.partition("_")[0])  # the whole name comes first
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if side is not None and is_number and self._is_about(name, own):
                return Bound(side, float(value))
        return None

    def _named_after(self) -> str | None:
        """The field of the limit that is named after the metric, as `max_quick` is after `quick_share`."""
        first = self.metric.partition("_")[0]
        return next((name for name in self.limit if name.partition("_")[2] == first), None)

    def _is_about(self, name: str, own: str | None) -> bool:
        """Whether a field of the limit speaks of this metric, and not of another or of how it is measured."""
        unit = name.rpartition("_")[2]
        if name in _NO_BOUNDS or (unit in _UNITS and unit != self.unit):
            return False
        return name == own if own is not None else name not in _MADE_FOR.values()

    @property
    def excess(self) -> float:
        """How far the value lies beyond the limit, as a share of the limit; below zero it keeps away from it."""
        if self.value is None or self.bound is None:
            return 0.0
        distance = (abs(self.value) if self.bound.side == "±" else self.value) - self.bound.value
        signed = -distance if self.bound.side == "≥" else distance
        return signed / abs(self.bound.value) if self.bound.value else signed

    @property
    def badness(self) -> tuple[int, int, float, str]:
        """Sorts findings, the worst first: verdict, severity, how far beyond the limit."""
        return (WORST_FIRST.index(self.verdict), SEVERITIES.index(self.severity), -self.excess, self.finding_id)

    def about(self) -> str:
        """The subject in words."""
        return words(self.subject)

    def figure(self) -> str:
        """The value with its unit."""
        return measured(self.value, self.unit) if self.value is not None else display.ABSENT

    def chance(self) -> str | None:
        """The interval, in the unit of the value."""
        if self.interval is None:
            return None
        low, high = (measured(end, self.unit) for end in self.interval)
        number_low, _, unit_low = low.rpartition(display.THIN)
        same = bool(number_low) and unit_low == high.rpartition(display.THIN)[2] and not unit_low.isdigit()
        return f"{number_low if same else low} to {high}"

    def earlier(self, was: Found | None) -> str | None:
        """The figure of the same subject in the window before, marked where it was computed by another method."""
        if was is None or was.value is None:
            return None
        return was.figure() if was.method == self.method else f"{was.figure()} (another method)"

    def limits(self) -> str:
        """The limit in words."""
        if self.bound is not None:
            return f"{self.bound.side}{display.THIN}{measured(self.bound.value, self.unit)}"
        shown = {
            name: value
            for name, value in self.limit.items()
            if value is not None and name not in {"file", "suite_sha256", "schema_sha256"}
        }
        return ", ".join(_ruled(name, value) for name, value in shown.items()) or display.ABSENT


def _plain(value: object) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return display.number(value)
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return " or ".join(_plain(one) for one in value)
    if isinstance(value, dict):  # limits by tier or group, the empty name for all others
        named = {("others" if name in ("", "*") else name): limit for name, limit in value.items()}
        return " or ".join(f"{_plain(limit)} ({name})" for name, limit in named.items())
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):  # rules, each with its name
        return "; ".join(", ".join(_ruled(name, own) for name, own in one.items() if own is not None) for one in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _ruled(name: str, value: object) -> str:
    """A field of a limit in words: `at least 183 days` for `min_days: 183`."""
    side, _, unit = name.partition("_")
    if side in _SIDE_WORDS and isinstance(value, int | float):
        return f"{_SIDE_WORDS[side]} {_plain(value)} {unit.removeprefix('value').replace('_', ' ')}".rstrip()
    return str(value) if name == "name" else f"{name.replace('_', ' ')} {_plain(value)}"


def place(policy: str, check: str) -> str:
    """Anchor of the table that shows the findings of a check."""
    return "check-" + "--".join(re.sub(r"[^a-z0-9]+", "-", name.lower()) for name in (policy, check))


def found(row: Mapping[str, Any]) -> Found:
    """A stored row as a finding."""
    evidence = json.loads(row["evidence"])
    low, high = row["interval_low"], row["interval_high"]
    statement = "\n".join(
        [evidence["sql"], *(f"{name}={value}" for name, value in sorted(evidence["parameters"].items()))]
    )
    return Found(
        row["finding_id"],
        row["policy"],
        row["version"],
        row["policy_sha256"],
        row["check_id"],
        row["kind"],
        json.loads(row["subject"]),
        row["metric"],
        None if row["value"] is None else float(row["value"]),
        row["unit"],
        None if low is None or high is None else (float(low), float(high)),
        row["n"],
        json.loads(row["counts"]),
        json.loads(row["limits"]),
        row["verdict"],
        row["reason"] or "",
        row["severity"],
        row["owner"],
        date.fromisoformat(row["due"]) if row["due"] else None,
        tuple(row["controls"]),
        hashlib.sha256(statement.encode()).hexdigest(),
        evidence.get("method", ""),
        int(evidence["ledger"]["size"]),
        row["assessed_ts"],
    )


def worst(findings: Iterable[Found]) -> Found | None:
    """The worst of some findings, or None."""
    return min(findings, key=lambda one: one.badness, default=None)


def counted(findings: Iterable[Found]) -> dict[str, int]:
    """Verdict -> number of findings, each verdict named."""
    counts = dict.fromkeys(WORST_FIRST, 0)
    for one in findings:
        counts[one.verdict] += 1
    return counts
