"""The seven faults that the demo plants in its source files, each with group, month and size to tune.

A fault changes what an organisation would have logged, nothing else: the toolkit has to find it from the files.
Making one with a name that the demo does not have raises `NotFoundError`, before anything is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from governance.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

REPORTED_MONTHS = ("2026-07", "2026-08", "2026-09")  # a fault elsewhere could not be found in the reported quarter
GROUPS = {"sex": ("male", "female"), "age_band": ("25-", "25..34", "35..49", "50+")}
AMOUNTS = ("LIMIT_BAL", *(f"{kind}_AMT{month}" for kind in ("BILL", "PAY") for month in range(1, 7)))
UNITS = ("claims", "customer-care", "legal", "sales", "underwriting")
CREDIT_POLICY = "credit-decisions"
LLM_POLICY = "llm-assistant"


def _require(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise NotFoundError(f"there is no {what} {name}", where="faults", hint=f"use one of {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class Fault:
    """A planted fault and the check that must find it.

    Attributes:
        name: Short name.
        title: One sentence for people.
        policy: Name of the policy.
        check: Id of the check in that policy.
        subject: What the subject of a failed finding must contain; empty where any subject will do.
        month: Month in which the fault begins.
    """

    name: str
    title: str
    policy: str
    check: str
    subject: Mapping[str, str]
    month: str


@dataclass(frozen=True, slots=True)
class DriftedInput:
    """An input is logged and scored `factor` times as large for a month, as after a change of unit or of clientele."""

    feature: str = "LIMIT_BAL"
    month: str = "2026-09"
    factor: float = 0.4

    def __post_init__(self) -> None:
        _require("input", self.feature, AMOUNTS)
        _require("month", self.month, REPORTED_MONTHS)

    def fault(self) -> Fault:
        """What must find it."""
        title = f"{self.feature} is {self.factor:g} times as large in {self.month}"
        return Fault("drifted-input", title, CREDIT_POLICY, "input-drift", {"feature": self.feature}, self.month)


@dataclass(frozen=True, slots=True)
class WorseAnswers:
    """The model version released on the first of `month` scores `drop` lower; latency and errors stay as they were."""

    month: str = "2026-08"
    drop: float = 0.18

    def __post_init__(self) -> None:
        _require("month", self.month, REPORTED_MONTHS)

    def fault(self) -> Fault:
        """What must find it."""
        title = f"answers of the model version released in {self.month} are scored {self.drop:g} lower"
        subject = {"model": "mistral-large-2411"}
        return Fault("worse-answers", title, LLM_POLICY, "answer-quality", subject, self.month)


@dataclass(frozen=True, slots=True)
class FallbackStorm:
    """On `days` days from the second Monday, `share` of the summaries come from the fallback, scored `drop` lower."""

    month: str = "2026-07"
    days: int = 3
    share: float = 0.6
    drop: float = 0.3

    def __post_init__(self) -> None:
        _require("month", self.month, REPORTED_MONTHS)

    def fault(self) -> Fault:
        """What must find it."""
        title = f"{self.share:.0%} of the summaries fell back on {self.days} days in {self.month}, with worse answers"
        return Fault("fallback-storm", title, LLM_POLICY, "fallback-quality", {}, self.month)


@dataclass(frozen=True, slots=True)
class OverBudget:
    """A unit moves its requests of other months into one, until it costs `times` its usual month."""

    unit: str = "claims"
    month: str = "2026-08"
    times: float = 2.2

    def __post_init__(self) -> None:
        _require("unit", self.unit, UNITS)
        _require("month", self.month, REPORTED_MONTHS)

    def fault(self) -> Fault:
        """What must find it."""
        title = f"{self.unit} spends {self.times:g} times its usual month in {self.month}"
        return Fault("over-budget", title, LLM_POLICY, "monthly-budget", {"business_unit": self.unit}, self.month)


@dataclass(frozen=True, slots=True)
class UnreviewedWeeks:
    """For `weeks` weeks from the second Monday of `month` no person reviews the decisions of low confidence."""

    month: str = "2026-08"
    weeks: int = 3

    def __post_init__(self) -> None:
        _require("month", self.month, REPORTED_MONTHS)

    def fault(self) -> Fault:
        """What must find it."""
        title = f"{self.weeks} weeks from {self.month} in which nobody reviewed decisions of low confidence"
        return Fault("unreviewed-decisions", title, CREDIT_POLICY, "human-review", {}, self.month)


@dataclass(frozen=True, slots=True)
class LoggingDown:
    """On the second Monday of `month`, from 09:00 UTC, nothing is logged for `hours` hours (3 and more are found)."""

    stream: Literal["gateway", "credit"] = "gateway"
    month: str = "2026-09"
    hours: int = 6

    def __post_init__(self) -> None:
        _require("stream", self.stream, ("gateway", "credit"))
        _require("month", self.month, REPORTED_MONTHS)

    def fault(self) -> Fault:
        """What must find it."""
        policy = LLM_POLICY if self.stream == "gateway" else CREDIT_POLICY
        title = f"the {self.stream} log is silent for {self.hours} working hours in {self.month}"
        return Fault("logging-down", title, policy, "silent-hours", {}, self.month)


@dataclass(frozen=True, slots=True)
class GroupRefused:
    """From `month` on, `share` of the approvals of a group are logged as refused although the score approves them."""

    group: Mapping[str, str] = field(default_factory=lambda: {"sex": "female", "age_band": "25-"})
    month: str = "2026-07"
    share: float = 0.4

    def __post_init__(self) -> None:
        for attribute, value in self.group.items():
            _require("attribute", attribute, tuple(GROUPS))
            _require(attribute, value, GROUPS[attribute])
        _require("month", self.month, REPORTED_MONTHS)

    def fault(self) -> Fault:
        """What must find it."""
        whom = ", ".join(f"{attribute} {value}" for attribute, value in self.group.items())
        title = f"{self.share:.0%} of the approvals of {whom} are refused from {self.month} on"
        return Fault("group-refused", title, CREDIT_POLICY, "four-fifths", dict(self.group), self.month)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """Which faults are planted; None leaves one out.

    Attributes:
        seed: Which rows a fault falls on, for the same traffic.
    """

    drifted_input: DriftedInput | None = field(default_factory=DriftedInput)
    worse_answers: WorseAnswers | None = field(default_factory=WorseAnswers)
    fallback_storm: FallbackStorm | None = field(default_factory=FallbackStorm)
    over_budget: OverBudget | None = field(default_factory=OverBudget)
    unreviewed_weeks: UnreviewedWeeks | None = field(default_factory=UnreviewedWeeks)
    logging_down: LoggingDown | None = field(default_factory=LoggingDown)
    group_refused: GroupRefused | None = field(default_factory=GroupRefused)
    seed: int = 1

    def faults(self) -> tuple[Fault, ...]:
        """The planted faults, in the order of the credit stream and then the gateway's."""
        planted = (
            self.drifted_input,
            self.group_refused,
            self.unreviewed_weeks,
            self.worse_answers,
            self.fallback_storm,
            self.over_budget,
            self.logging_down,
        )
        return tuple(item.fault() for item in planted if item is not None)

    @classmethod
    def none(cls) -> FaultPlan:
        """The plan of the clean twin."""
        return cls(None, None, None, None, None, None, None)
