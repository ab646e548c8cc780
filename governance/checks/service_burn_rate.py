"""How fast an error budget burns: alerts over a long and a short window together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from governance.checks import Check, Row, above
from governance.checks._groups import REQUEST_ID, columns, grouped, keys, unattributed
from governance.checks._shares import LISTED
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of

_MINUTES = {"m": 1, "h": 60, "d": 1440}
_DURATION = re.compile(r"([1-9]\d{0,4})([mhd])")
STEP = 5  # minutes between two looks; the shortest window of the source is as long


class Alert(BaseModel):
    """A rate that must not be exceeded in a long and a short window at once.

    Attributes:
        long: Long window, such as 1h.
        short: Short window, such as 5m.
        max: Burn rate: how many times faster than the budget allows over the whole period.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    long: str
    short: str
    max: float = Field(gt=0)

    @field_validator("long", "short")
    @classmethod
    def _is_duration(cls, value: str) -> str:
        match = _DURATION.fullmatch(value)
        if match is None or int(match[1]) * _MINUTES[match[2]] % STEP:
            raise ValueError(f"'{value}' is no duration of whole {STEP} minutes; write 5m, 1h or 3d")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Alert:
        if minutes(self.long) <= minutes(self.short):
            raise ValueError("the `long` window must be longer than the `short` one")
        return self

    @property
    def name(self) -> str:
        """As the subject has it."""
        return f"{self.long}/{self.short}"


def minutes(duration: str) -> int:
    """Minutes of a duration such as 5m, 1h, 3d."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(duration)
    return int(match[1]) * _MINUTES[match[2]]


# Three pairs for an objective over 30 days. Source: Google, The Site Reliability Workbook (2018), chapter 5, table 5-8
PAIRS = (
    Alert(long="1h", short="5m", max=14.4),
    Alert(long="6h", short="30m", max=6),
    Alert(long="3d", short="6h", max=1),
)


class ServiceBurnRate(Check):
    """Service level: whether the error budget burned too fast, over a long and a short window together.

    What is measured: the burn rate is the share of errors and timeouts (with `max_ms` also of answers that took longer)
    divided by the share that the objective allows; 1 uses up the budget exactly by the end of its period. For each pair
    of windows and every five minutes with requests, the smaller of the two rates; the figure is the largest of these.
    The counts say when it was, how often the limit was exceeded, and the share that failed in both windows then.

    Why it matters: an error rate of a month hides an hour in which nothing worked, and an error rate of a minute alarms
    at night; the long window shows that it matters, the short one that it still goes on (The Site Reliability
    Workbook, chapter 5). Resilience is a duty for high-risk systems (Regulation (EU) 2024/1689, article 15(4)).

    Example:
        - id: burn-rate
          kind: service-burn-rate
          by: [service_name]
          objective: 0.999
          minimum_n: 100
          severity: high

    Fields:
        objective: Share of requests that must succeed, below 1.
        max_ms: Milliseconds; an answer that took longer spends the budget as an error does, exactly so long is in time.
            One that does not say how long it took does not.
        alerts: Pairs of `long`, `short` and `max`; the three of the Workbook unless given: 14.4 over 1h and 5m, 6 over
            6h and 30m, 1 over 3d and 6h. A rate above `max` fails, exactly on it passes.

    Each pair is a subject of its own, told apart by `measure`. A long window with fewer than `minimum_n` requests is
    not looked at: one error in three requests at night is no burn. Only what lies in the check's own window counts, so
    that its first hours are seen by short windows first. There is no interval: the figure is a largest one.

    A failure can mean: an outage; a slow leak that nobody noticed; or an objective that was never realistic.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.status",)

    objective: float = Field(gt=0, lt=1)
    max_ms: float | None = Field(default=None, gt=0)
    alerts: tuple[Alert, ...] = Field(default=PAIRS, min_length=1)
    minimum_n: int = Field(default=100, ge=1)

    @model_validator(mode="after")
    def _each_once(self) -> ServiceBurnRate:
        if len({alert.name for alert in self.alerts}) < len(self.alerts):
            raise ValueError("two `alerts` look at the same windows")
        if self.per is not None:
            raise ValueError("`per` is not for this kind: windows do not end with a month")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        own: dict[str, Any] = {"allowed": round(1 - self.objective, 12), "enough": self.minimum_n}
        own |= {} if self.max_ms is None else {"max_ms": self.max_ms}
        return scope.parameters | own | {f"max_{place}": alert.max for place, alert in enumerate(self.alerts)}

    def statement(self, scope: Scope) -> str:
        parts = [
            self._pair(place, axis, number, alert)
            for place, axis in enumerate(self.axes)
            for number, alert in enumerate(self.alerts)
        ]
        failed = "r.status IN ('error', 'timeout')"
        if self.max_ms is not None:
            failed = f"{failed} OR coalesce(r.latency_us / 1000.0 > $max_ms, false)"
        return (
            f"WITH answers AS (SELECT {columns(self, scope)}{failed} AS is_error, "
            f"time_bucket(INTERVAL {STEP} MINUTES, r.start_ts) AS part, {REQUEST_ID} AS id, r.start_ts AS ts "
            f"FROM {scope.requests()} r WHERE r.status NOT IN ('cancelled', 'blocked')) "
            f"{' UNION ALL '.join(parts)} ORDER BY axis, subject"
        )

    def _pair(self, place: int, axis: Sequence[str], number: int, alert: Alert) -> str:
        """The fastest burn of each group of an axis in one pair of windows."""
        own = self.model_copy(update={"by": (axis,) if axis else ()})
        groups = "".join(f"{key}, " for key in keys(self, axis))
        partition = f"PARTITION BY {groups.removesuffix(', ')} " if groups else ""
        frames = ", ".join(
            f"{name} AS ({partition}ORDER BY part RANGE BETWEEN INTERVAL {minutes(size) - STEP} MINUTES "
            "PRECEDING AND CURRENT ROW)"
            for name, size in (("wide", alert.long), ("near", alert.short))
        )
        buckets = (
            f"SELECT {groups}part, count(*) AS n, count(*) FILTER (is_error) AS errors, "
            f"arg_min(id, (ts, id)) FILTER (is_error) AS first FROM answers GROUP BY {groups}part"
        )
        rolling = (
            "SELECT *, sum(errors) OVER wide / sum(n) OVER wide AS long_share, sum(n) OVER wide AS long_n, "
            f"sum(errors) OVER near / sum(n) OVER near AS short_share FROM ({buckets}) WINDOW {frames}"
        )
        burning = f"SELECT *, least(long_share, short_share) / $allowed AS rate FROM ({rolling})"
        is_seen = "long_n >= $enough"
        is_burning = f"{is_seen} AND rate > $max_{number}"
        figures = (
            f"max(rate) FILTER ({is_seen}) AS value, CAST(sum(n) AS BIGINT) AS n, "
            f"CAST(sum(errors) AS BIGINT) AS errors, count(*) FILTER ({is_seen}) AS looks, "
            f"count(*) FILTER ({is_burning}) AS burning, "
            f"CAST(max(long_n) AS BIGINT) AS most, arg_max({{'at': strftime(part + INTERVAL {STEP} MINUTES, "
            "'%Y-%m-%dT%H:%M:%SZ'), 'long': long_share, 'short': short_share}, (rate, part)) "
            f"FILTER ({is_seen}) AS worst, arg_min(first, (part, first), {LISTED}) "
            f"FILTER ({is_burning} AND first IS NOT NULL) AS samples"
        )
        found = grouped(own, figures, f"({burning})", measure=alert.name)
        return f"SELECT * REPLACE ({place} AS axis), {number} AS alert FROM ({found})"

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        alert = self.alerts[row["alert"]]
        worst = row["worst"] or {}
        counts = {"requests": row["n"], "errors": row["errors"], "looks": row["looks"], "burning": row["burning"]}
        counts |= {"at": worst.get("at"), "long_share": worst.get("long"), "short_share": worst.get("short")}
        reason = None
        if row["value"] is None:
            reason = f"no {alert.long} has {self.minimum_n:,} requests; at most {row['most']}"
        samples = tuple(row["samples"] or ())
        subject = subject_of(row["subject"])
        facts = {"alert": row["alert"]}
        return Observation(
            subject, "burn_rate", row["value"], "times the budget", row["n"], counts, None, samples, reason, facts
        )

    def limit(self) -> Mapping[str, Any]:
        return self._objective() | {"alerts": [alert.model_dump() for alert in self.alerts]}

    def _objective(self) -> dict[str, Any]:
        return {"objective": self.objective} | ({} if self.max_ms is None else {"max_ms": self.max_ms})

    def judge(self, observation: Observation) -> Judgement:
        counts, who = observation.counts, unattributed(observation.subject)
        alert = self.alerts[observation.facts["alert"]]
        limit = self._objective() | alert.model_dump()
        if above(observation.value or 0.0, alert.max):
            said = f"burned {observation.value:.3g} times faster than allowed, above {alert.max:g}, in {alert.long} and"
            said += f" {alert.short} up to {counts['at']} ({counts['long_share']:.2%} and {counts['short_share']:.2%})"
            return Judgement(Verdict.FAILED, f"{who}{said}; {counts['burning'] * STEP} minutes in all", limit)
        return Judgement(Verdict.PASSED, who or None, limit)
