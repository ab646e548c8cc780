"""The share of the time in which a service answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, Literal

from pydantic import Field

from governance.checks import Check, Row
from governance.checks._groups import REQUEST_ID, columns, grouped, keys, unattributed
from governance.checks._shares import LISTED, falls_short, observed
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope

_UNITS = {"minute": ("minute", 1), "5-minutes": ("minute", 5), "hour": ("hour", 1), "day": ("day", 1)}


class ServiceAvailability(Check):
    """Availability: the share of the minutes (or hours, or days) with requests in which the service answered.

    What is measured: the window is cut into parts of one `unit`, in UTC. A part with requests is up if at least
    `ok_share` of them ended well (or, without `ok_share`, at least one did). The figure is the share of parts that were
    up, with its Wilson interval; the counts name the longest stretch of parts that were down, and how long it was.

    Why it matters: an average of all requests hides an outage at night, when few call; people who could not be served
    are counted in time, not in requests (Regulation (EU) 2022/2554, article 11 on continuity; Regulation (EU)
    2024/1689, article 15(4)).

    Example:
        - id: availability
          kind: service-availability
          by: [service_name]
          per: month
          unit: 5-minutes
          ok_share: 0.5
          min_share: 0.995
          severity: medium

    Fields:
        unit: `minute`, `5-minutes`, `hour` or `day`.
        ok_share: Share of the requests of a part that must end well; exactly on it is up.
        min_share: Share of parts up, below which the check fails; exactly on it passes.

    `minimum_n` holds for the parts with requests. Parts without requests are neither up nor down: silence is what
    `completeness-gaps` looks at. Cancelled and blocked requests are left out, for they say nothing about the service.
    Outages last, so that parts are not independent and the interval is narrower than it should be.

    A failure can mean: an outage upstream; a deployment; a certificate or a quota that ran out; or so few requests that
    a single error takes a part down.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.status",)

    unit: Literal["minute", "5-minutes", "hour", "day"] = "5-minutes"
    ok_share: float | None = Field(default=None, gt=0, le=1)
    min_share: float = Field(gt=0, le=1)

    def bound(self, scope: Scope) -> dict[str, Any]:
        share = Fraction(str(self.ok_share or 0))
        return scope.parameters | {"enough": share.numerator, "of": share.denominator}

    def statement(self, scope: Scope) -> str:
        name, count = _UNITS[self.unit]
        seconds = count * {"minute": 60, "hour": 3600, "day": 86400}[name]
        # In whole numbers, so that 7 of 10 are enough for 0.7
        is_up = "ok > 0 AND ok * $of >= n * $enough"
        axes = []
        for place, axis in enumerate(self.axes):
            own = self.model_copy(update={"by": (axis,) if axis else ()})
            groups = "".join(f"{key}, " for key in keys(self, axis))
            parts = (
                f"SELECT {groups}part, count(*) AS n, count(*) FILTER (is_ok) AS ok, "
                f"arg_min(id, (ts, id)) FILTER (NOT is_ok) AS first FROM answers GROUP BY {groups}part"
            )
            runs = (
                f"SELECT *, {is_up} AS is_up, part - {seconds} * row_number() OVER (PARTITION BY {groups}{is_up} "
                f"ORDER BY part) AS run FROM ({parts})"
            )
            down = f"SELECT *, count(*) OVER (PARTITION BY {groups}is_up, run) AS long FROM ({runs})"
            axes.append(f"SELECT * REPLACE ({place} AS axis) FROM ({grouped(own, _FIGURES, f'({down})')})")
        return (
            f"WITH answers AS (SELECT {columns(self, scope)}r.status = 'ok' AS is_ok, r.start_ts AS ts, "
            f"CAST(floor(epoch(r.start_ts) / {seconds}) AS BIGINT) * {seconds} AS part, {REQUEST_ID} AS id "
            f"FROM {scope.requests()} r WHERE r.status NOT IN ('cancelled', 'blocked')) "
            f"{' UNION ALL '.join(axes)} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        counts = {"requests": row["records"], "parts": row["n"], "up": row["marked"], "down": row["n"] - row["marked"]}
        counts |= {"unit": self.unit, "longest_down": row["longest"] or 0, "longest_from": row["longest_from"]}
        return observed(row, "available_share", counts)

    def limit(self) -> Mapping[str, Any]:
        own = {"min_share": self.min_share, "unit": self.unit, "ok_share": self.ok_share}
        return {name: value for name, value in own.items() if value is not None}

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        if falls_short(counts["up"], n, self.min_share):
            what = {"5-minutes": "stretches of 5 minutes"}.get(self.unit, f"{self.unit}s")
            said = f"down in {counts['down']:,} of {n:,} {what} with requests ({observation.value:.2%} up)"
            longest = f"; the longest from {counts['longest_from']}, {counts['longest_down']} in a row"
            return Judgement(Verdict.FAILED, f"{who}{said}{longest}", self.limit())
        return Judgement(Verdict.PASSED, who or None, self.limit())


_FIGURES = (
    "count(*) FILTER (is_up) / count(*) AS value, count(*) AS n, count(*) FILTER (is_up) AS marked, "
    "CAST(sum(n) AS BIGINT) AS records, max(long) FILTER (NOT is_up) AS longest, "
    "strftime(make_timestamp(arg_max(part, (long, -part)) FILTER (NOT is_up) * 1000000), '%Y-%m-%dT%H:%M:%SZ') "
    f"AS longest_from, arg_min(first, (part, first), {LISTED}) FILTER (NOT is_up) AS samples"
)
