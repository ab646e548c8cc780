"""How often circuit breakers open, how long they stay open, and whether calls went through all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row, above
from governance.checks._groups import unattributed
from governance.checks._shares import LISTED
from governance.engines.duckdb import identifier, literal
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of, subject_sql

OPENINGS, MINUTES, CALLS = "openings", "open_minutes", "calls_while_open"
_LIMITS = {OPENINGS: "max_openings", MINUTES: "max_open_minutes", CALLS: "max_calls_while_open"}
_UNITS = {OPENINGS: "openings", MINUTES: "minutes", CALLS: "calls"}


class ResilienceBreaker(Check):
    """Circuit breakers: how often they open, for how long, and whether calls went through while they were open.

    What is measured, for each breaker (provider and model that was called), from the upstream calls of the requests and
    the state that each of them logs: the openings (a call that meets an open breaker after one that did not); the
    minutes from each opening to the next call that meets a closed or half-open one, or to the end of the window; and
    the calls that were made although the breaker was open (status other than blocked or cancelled). The counts name the
    longest time open, and how many openings were not followed by a recovery.

    Why it matters: a breaker is the redundancy that keeps errors from spreading (Regulation (EU) 2024/1689, article
    15(4)); one that does not close again serves everybody by the fallback, and one that lets calls through protects
    nothing.

    Example:
        - id: breakers
          kind: resilience-breaker
          max_openings: 5
          max_open_minutes: 60
          max_calls_while_open: 0
          per: week
          severity: medium

    Fields:
        max_openings: Openings above which the check fails; exactly so many pass.
        max_open_minutes: Minutes open in all, above which the check fails; exactly so many pass.
        max_calls_while_open: Calls that went through, above which the check fails; exactly so many pass.

    With several limits each breaker has several findings, told apart by `measure`. `by` may name `provider` and `model`
    (of the call), both unless given. One call that logs a state is enough for a verdict, unless `minimum_n` says
    otherwise. The state is known only when a call is made: times open are measured between calls. Of calls at the same
    moment the earlier attempts come first, and among those the ones that met no open breaker. With `per` a time open
    counts where it began. There is no interval: every call is counted.

    A failure can mean: an outage upstream; thresholds that are too tight; a breaker that no probe closes; or a client
    that calls around it.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("attempts.breaker_state",)

    by: tuple[tuple[str, ...], ...] = (("provider", "model"),)
    max_openings: int | None = Field(default=None, ge=0)
    max_open_minutes: float | None = Field(default=None, ge=0)
    max_calls_while_open: int | None = Field(default=None, ge=0)
    minimum_n: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _some_limit(self) -> ResilienceBreaker:
        if not self._limits():
            raise ValueError("give `max_openings`, `max_open_minutes` or `max_calls_while_open`")
        unknown = [name for name in self.dimensions if name not in ("provider", "model")]
        if unknown:
            raise ValueError(f"a breaker is one of a `provider` and a `model`; it has no '{unknown[0]}'")
        return self

    def _limits(self) -> dict[str, float]:
        found = {measure: getattr(self, name) for measure, name in _LIMITS.items()}
        return {measure: float(limit) for measure, limit in found.items() if limit is not None}

    def statement(self, scope: Scope) -> str:
        period = f", {scope.calendar(self.per, 'a.start_ts')} AS period" if self.per else ""
        keys = f"provider, model{', period' if self.per else ''}"
        return (
            "WITH calls AS (SELECT a.provider, a.model, a.start_ts AS ts, a.attempt_no, a.breaker_state = 'open' AS "
            "is_open, a.breaker_state = 'open' AND a.status NOT IN ('blocked', 'cancelled') AS is_through, "
            # Ids are long to put in order, and shown of calls at an open breaker alone
            f"CASE WHEN a.breaker_state = 'open' THEN coalesce(r.request_id, r.request_uid) END AS id{period} "
            f"FROM attempts a JOIN {scope.requests()} r "
            "ON r.request_uid = a.request_uid "
            "WHERE a.breaker_state IS NOT NULL AND a.kind NOT IN ('tool', 'retrieval')), "
            "states AS (SELECT *, lag(is_open) OVER (PARTITION BY provider, model "
            "ORDER BY ts, attempt_no, is_open, id) AS was_open FROM calls), "
            # One row for each breaker: the calls are not kept, only those at which the state changes
            f"breakers AS (SELECT {keys}, count(*) AS n, count(*) FILTER (is_open) AS met_open, "
            "count(*) FILTER (is_through) AS calls_while_open, "
            f"min({{'ts': ts, 'id': id}}, {LISTED}) FILTER (is_through) AS through, "
            "list({'ts': ts, 'no': attempt_no, 'is_open': is_open, 'id': id}) "
            "FILTER (is_open <> coalesce(was_open, false)) AS changes FROM states GROUP BY ALL), "
            f"changed AS (SELECT {keys}, unnest(changes, max_depth := 2) FROM breakers), "
            "closed AS (SELECT *, lead(ts) OVER (PARTITION BY provider, model ORDER BY ts, no, is_open, id) "
            "AS closed_ts FROM changed), "
            f"openings AS (SELECT {keys}, ts, id, closed_ts, (epoch_us(coalesce(closed_ts, "
            "greatest(CAST($end AS TIMESTAMPTZ), ts))) - epoch_us(ts)) / 60e6 AS minutes FROM closed WHERE is_open) "
            f"{' UNION ALL '.join(self._parts())} ORDER BY axis, subject"
        )

    def _parts(self) -> list[str]:
        values = {OPENINGS: "openings", MINUTES: "open_minutes", CALLS: "calls_while_open"}
        parts = []
        for place, axis in enumerate(self.axes):
            groups = [*(identifier(name) for name in axis), *(["period"] if self.per else [])]
            names = [*axis, *([self.per] if self.per else [])]
            for measure in self._limits():
                several = len(self._limits()) > 1
                subject = subject_sql(
                    [*names, *(["measure"] if several else [])], [*groups, *([literal(measure)] if several else [])]
                )
                parts.append(
                    f"SELECT {place} AS axis, {subject} AS subject, '{measure}' AS measure, "
                    f"CAST({values[measure]} AS DOUBLE) AS value, {_FIGURES}, "
                    f"{'through' if measure == CALLS else 'opened'} AS samples FROM ({_grouped(groups)})"
                )
        return parts

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        named = ("openings", "open_minutes", "longest_minutes", "not_recovered", "calls_while_open", "met_open")
        counts: dict[str, Any] = {"calls": row["n"]} | {name: row[name] for name in named}
        subject, samples = subject_of(row["subject"]), tuple(row["samples"] or ())
        return Observation(
            subject, row["measure"], row["value"], _UNITS[row["measure"]], row["n"], counts, None, samples
        )

    def limit(self) -> Mapping[str, Any]:
        return {_LIMITS[measure]: limit for measure, limit in self._limits().items()}

    def judge(self, observation: Observation) -> Judgement:
        counts, who, value = observation.counts, unattributed(observation.subject), observation.value or 0.0
        most = self._limits()[observation.metric]
        if not above(value, most):
            return Judgement(Verdict.PASSED, who or None, self.limit())
        said = {
            OPENINGS: f"openings: {counts['openings']}, above {most:g}",
            MINUTES: f"open for {value:.1f} minutes, above {most:g}; the longest {counts['longest_minutes'] or 0:.1f}",
            CALLS: f"calls through the open breaker: {counts['calls_while_open']}, above {most:g}",
        }[observation.metric]
        lasting = f"; {counts['not_recovered']} without a recovery" if counts["not_recovered"] else ""
        return Judgement(Verdict.FAILED, f"{who}{said}{lasting}", self.limit())


_FIGURES = "n, openings, open_minutes, longest_minutes, not_recovered, calls_while_open, met_open"


def _grouped(groups: Sequence[str]) -> str:
    """SELECT of the calls and openings of the breakers of each group, for groups that have a call."""
    listed = "".join(f"{group}, " for group in groups)
    by = f" GROUP BY {listed[:-2]}" if groups else ""
    same = " AND ".join(f"o.{group} IS NOT DISTINCT FROM c.{group}" for group in groups) or "true"
    calls = (
        f"SELECT {listed}sum(n)::BIGINT AS n, sum(met_open)::BIGINT AS met_open, "
        "sum(calls_while_open)::BIGINT AS calls_while_open, "
        f"list_transform(list_sort(flatten(list(through)))[:{LISTED}], lambda one: one.id) AS through "
        f"FROM breakers{by} HAVING count(*) > 0"
    )
    openings = (
        f"SELECT {listed}count(*) AS openings, sum(minutes) AS open_minutes, max(minutes) AS longest_minutes, "
        "count(*) FILTER (closed_ts IS NULL) AS not_recovered, "
        f"arg_min(id, (ts, id), {LISTED}) AS opened FROM openings{by}"
    )
    return (
        "SELECT c.*, coalesce(o.openings, 0) AS openings, coalesce(o.open_minutes, 0) AS open_minutes, "
        "o.longest_minutes, coalesce(o.not_recovered, 0) AS not_recovered, o.opened "
        f"FROM ({calls}) c LEFT JOIN ({openings}) o ON {same}"
    )
