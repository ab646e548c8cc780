"""Whether as many requests are stored as somebody else counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row
from governance.checks._shares import LISTED, exceeds
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of, subject_sql

_KEYS = ("counted_by", "source", "service_name")


class CompletenessReconciliation(Check):
    """Completeness: whether as many requests are stored as an independent source counted.

    What is measured: of the requests that a load balancer, a bill or a provider's dashboard counted, the share that is
    not in the store. Each stretch of time that was counted is compared by itself with the requests that began in it, of
    the source and the service that the count names, so that a surplus in one hour does not hide a loss in another. The
    ten stretches that differ most are listed.

    Why it matters: what never reached the log leaves no trace in it; only a count from elsewhere shows the loss. Logs
    must allow the functioning of a high-risk system to be traced (Regulation (EU) 2024/1689, articles 12 and 26(6)).

    Example:
        - id: nothing-lost
          kind: completeness-reconciliation
          max_missing_share: 0.001
          max_extra_share: 0.001
          severity: high

    Fields:
        max_missing_share: Share of the counted requests above which too many are missing; exactly on it passes.
        max_extra_share: The same for stored requests that were not counted; not looked at unless given.
        per: Each part of the calendar, by the beginning of the stretch, is a subject of its own.
        minimum_n: Stretches of time below which there is no verdict; one is enough unless given.

    The subjects are who counted, and which source and service (null is all of them); `by` and `where` are not for this
    kind, and what the policy applies to does not narrow it: a count cannot be narrowed. Counts are read with a mapping
    of the table `request_counts`; only stretches that lie wholly in the window are compared.

    A failure can mean: an exporter that samples or drops; a file that was not ingested; retries that one side counts
    and the other does not (an excess); or clocks that differ, which moves requests between stretches.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.start_ts", "request_counts.expected")

    max_missing_share: float = Field(ge=0, lt=1)
    max_extra_share: float | None = Field(default=None, ge=0)
    minimum_n: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _whole(self) -> CompletenessReconciliation:
        if self.by or self.where:
            raise ValueError("`by` and `where` are not for this kind: a count from elsewhere cannot be narrowed")
        return self

    def statement(self, scope: Scope) -> str:
        part = f", {scope.calendar(self.per, 'c.window_start')} AS part" if self.per else ""
        named = [*_KEYS, *([self.per] if self.per else [])]
        values = [*_KEYS, *(["part"] if self.per else [])]
        during = "start_ts >= CAST($start AS TIMESTAMPTZ) AND start_ts < CAST($end AS TIMESTAMPTZ)"
        return (
            f"WITH counted AS (SELECT c.*{part} FROM request_counts c WHERE "
            "c.window_start >= CAST($start AS TIMESTAMPTZ) AND c.window_end <= CAST($end AS TIMESTAMPTZ)), "
            # Counts mostly begin and end on whole minutes; then so many requests are as good as one with their number
            f"unit AS (SELECT bool_and({_is_minute('window_start')} AND {_is_minute('window_end')}) AS is_minute "
            "FROM counted), logged AS (SELECT source, service_name, CASE WHEN is_minute THEN "
            "epoch_us(start_ts) // 60000000 * 60000000 ELSE epoch_us(start_ts) END AS at_us, count(*) AS stored "
            f"FROM requests, unit WHERE {during} GROUP BY ALL), "
            f"compared AS (SELECT {', '.join(f'c.{name}' for name in values)}, c.count_id, "
            "any_value(c.window_start) AS window_start, any_value(c.window_end) AS window_end, "
            "any_value(c.expected) AS expected, CAST(coalesce(sum(r.stored), 0) AS BIGINT) AS stored FROM counted c "
            "LEFT JOIN logged r ON r.at_us >= epoch_us(c.window_start) AND r.at_us < epoch_us(c.window_end) "
            "AND (c.source IS NULL OR r.source = c.source) "
            "AND (c.service_name IS NULL OR r.service_name = c.service_name) GROUP BY ALL), "
            "judged AS (SELECT *, greatest(expected - stored, 0) AS missing, greatest(stored - expected, 0) AS extra "
            "FROM compared) "
            f"SELECT 0 AS axis, {subject_sql(named, values)} AS subject, {_FIGURES} FROM judged "
            f"GROUP BY {', '.join(values)} ORDER BY subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        named = ("expected", "stored", "missing", "extra")
        counts = {"windows": row["n"]} | {name: int(row[name]) for name in named} | {"differ": row["differ"] or []}
        reason = None
        if not counts["expected"]:
            reason = f"no requests were counted, and {counts['stored']} are stored"
        value = None if reason else float(row["value"])
        subject = subject_of(row["subject"])
        return Observation(subject, "missing_share", value, "share", row["n"], counts, None, (), reason)

    def limit(self) -> Mapping[str, Any]:
        own: dict[str, Any] = {"max_missing_share": self.max_missing_share}
        return own | ({} if self.max_extra_share is None else {"max_extra_share": self.max_extra_share})

    def judge(self, observation: Observation) -> Judgement:
        counts = observation.counts
        problems = []
        if exceeds(counts["missing"], counts["expected"], self.max_missing_share):
            problems.append(f"{counts['missing']:,} of {counts['expected']:,} counted requests are not stored")
        if self.max_extra_share is not None and exceeds(counts["extra"], counts["expected"], self.max_extra_share):
            problems.append(f"{counts['extra']} more are stored than were counted")
        if not problems:
            return Judgement(Verdict.PASSED, None, self.limit())
        worst = counts["differ"][0]
        where = f"most in {worst['start']}..{worst['end']}: {worst['stored']} stored, {worst['expected']} counted"
        return Judgement(Verdict.FAILED, f"{'; '.join(problems)}; {where}", self.limit())


def _is_minute(column: str) -> str:
    return f"epoch_us({column}) % 60000000 = 0"


_FIGURES = (
    "CAST(sum(missing) AS DOUBLE) / nullif(sum(expected), 0) AS value, count(*) AS n, "
    "CAST(sum(expected) AS BIGINT) AS expected, CAST(sum(stored) AS BIGINT) AS stored, "
    "CAST(sum(missing) AS BIGINT) AS missing, CAST(sum(extra) AS BIGINT) AS extra, "
    "arg_max({'start': strftime(window_start, '%Y-%m-%dT%H:%M:%SZ'), "
    "'end': strftime(window_end, '%Y-%m-%dT%H:%M:%SZ'), 'expected': expected, 'stored': stored}, "
    f"(missing + extra, window_end, count_id), {LISTED}) FILTER (missing + extra > 0) AS differ"
)
