"""How long requests wait in a queue, and how many are turned away."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row, above
from governance.checks._groups import REQUEST_ID, columns, grouped, unattributed
from governance.checks._quantiles import QUANTILE, ranked, tail_of
from governance.checks._shares import LISTED, breach
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of
from governance.measurement.statistics import Z95, wilson

WAIT, REJECTED = "wait", "rejected"
# 429 Too Many Requests (RFC 6585, section 4), 503 Service Unavailable (RFC 9110, section 15.6.4: overload), 529 as some
# providers answer when overloaded; the words are those in the error classes of clients and gateways
_STATUSES = "429, 503, 529"
_WORDS = "rate.?limit|too.?many|overload|queue.?full|throttl|quota|resource.?exhausted|capacity"


class ServiceQueue(Check):
    """Backpressure: how long requests wait before they are served, and how many are turned away.

    What is measured: with `max_wait_ms`, the time in the queue within which a share `quantile` of the requests stayed
    (linear between ranks), with an interval between two ranks that holds the true quantile in about 95 % of samples;
    with `max_rejected`, the share of requests that were turned away for load, with its Wilson interval: HTTP status
    429, 503 or 529, or an error class that speaks of limits, overload or quota.

    Why it matters: a queue grows before latency does, and what is turned away is answered by a fallback or by nobody
    (Regulation (EU) 2024/1689, article 15(4); NIST AI RMF, MEASURE 2.6).

    Example:
        - id: queue
          kind: service-queue
          by: [provider]
          max_wait_ms: 500
          quantile: 0.95
          max_rejected: 0.01
          minimum_n: 100
          severity: low

    Fields:
        max_wait_ms: Milliseconds; a quantile above it fails, exactly on it passes.
        quantile: Share of the requests that must wait no longer: 0.95 is p95. At least 0.5.
        max_rejected: Share turned away above which the check fails, if the whole interval lies above; else it warns.
            Exactly on it passes.

    With both limits each group has two findings, told apart by `measure`. A quantile is not judged below the records
    that both of its sides need: 20 for p95, 100 for p99. Requests whose time in the queue is not logged are counted
    apart; few sources log it.

    A failure can mean: too little capacity; a batch job beside people who wait; a limit of the provider; or retries
    that fill the queue.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.queue_us|requests.http_status|requests.error_type",)

    max_wait_ms: float | None = Field(default=None, gt=0)
    quantile: float = Field(default=0.95, ge=0.5, lt=1)
    max_rejected: float | None = Field(default=None, ge=0, lt=1)

    @model_validator(mode="after")
    def _some_limit(self) -> ServiceQueue:
        if self.max_wait_ms is None and self.max_rejected is None:
            raise ValueError("give `max_wait_ms`, `max_rejected` or both")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        own: dict[str, Any] = {} if self.max_rejected is None else {"words": _WORDS}
        if self.max_wait_ms is not None:
            own |= {"max_wait_ms": self.max_wait_ms, "quantile": self.quantile, "z": Z95}
            own["tail"] = tail_of(self.quantile)
        return scope.parameters | own

    def statement(self, scope: Scope) -> str:
        both = self.max_wait_ms is not None and self.max_rejected is not None
        tables, parts = [], []
        for place, axis in enumerate(self.axes):
            if self.max_wait_ms is not None:
                one = ranked(self, axis, place, _WAITED, _NAMES, WAIT if both else None)
                tables.append(f", {one.tables}")
                parts.append(one.rows)
            if self.max_rejected is not None:
                own = self.model_copy(update={"by": (axis,) if axis else ()})
                found = grouped(own, _TURNED_AWAY, "records", measure=REJECTED if both else None)
                parts.append(f"SELECT * REPLACE ({place} AS axis) FROM ({found})")
        rejected = "false"
        if self.max_rejected is not None:
            rejected = (
                f"coalesce(r.http_status IN ({_STATUSES}), false) OR "
                "coalesce(regexp_matches(lower(r.error_type), $words), false)"
            )
        return (
            f"WITH records AS NOT MATERIALIZED (SELECT {columns(self, scope)}r.queue_us AS us, "
            f"r.queue_us / 1000.0 AS ms, {rejected} AS is_rejected, {REQUEST_ID} AS id, r.start_ts AS ts "
            f"FROM {scope.requests()} r)"
            f"{''.join(tables)} {' UNION ALL '.join(parts)} ORDER BY axis, subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._wait(row) if row["measure"] == WAIT else self._rejected(row) for row in rows]

    def _wait(self, row: Row) -> Observation:
        n, low, high = row["n"], row["low_ms"], row["high_ms"]
        counts = {"requests": row["records"], "within": row["marked"], "unmeasured": row["records"] - n}
        counts["interval_ms"] = [low, high]
        reason = f"none of the {row['records']} requests says how long it waited" if n == 0 else None
        interval = (low, high) if low is not None and high is not None and n else None
        subject, samples = subject_of(row["subject"]), tuple(row["samples"] or ())
        return Observation(subject, f"queue_{self._form}", row["value"], "ms", n, counts, interval, samples, reason)

    def _rejected(self, row: Row) -> Observation:
        counts = {"requests": row["records"], "rejected": row["marked"]}
        interval = wilson(row["marked"], row["n"])
        subject, samples = subject_of(row["subject"]), tuple(row["samples"] or ())
        return Observation(subject, "rejected_share", row["value"], "share", row["n"], counts, interval, samples)

    @property
    def _form(self) -> str:
        return f"p{float(Fraction(str(self.quantile)) * 100):g}"

    def verdict(self, observation: Observation) -> Judgement:
        needed = math.ceil(1 / (1 - Fraction(str(self.quantile))))
        is_quantile = observation.metric != "rejected_share" and observation.value is not None
        if is_quantile and self.minimum_n <= observation.n < needed:
            reason = f"{observation.n:,} records, fewer than the {needed} that {self._form} needs"
            return Judgement(Verdict.NOT_ASSESSED, reason, self.limit())
        return super().verdict(observation)

    def limit(self) -> Mapping[str, Any]:
        own: dict[str, Any] = {}
        if self.max_wait_ms is not None:
            own = {"max_wait_ms": self.max_wait_ms, "quantile": self.quantile}
        return own | ({} if self.max_rejected is None else {"max_rejected": self.max_rejected})

    def judge(self, observation: Observation) -> Judgement:
        counts, n, who = observation.counts, observation.n, unattributed(observation.subject)
        if observation.metric == "rejected_share":
            found = breach(observation, counts["rejected"], None, self.max_rejected)
            if found is None:
                return Judgement(Verdict.PASSED, who or None, self.limit())
            said = f"{counts['rejected']:,} of {n:,} requests were turned away ({observation.value:.2%})"
            verdict = Verdict.FAILED if found.is_certain else Verdict.WARNED
            return Judgement(verdict, f"{who}{said}{'' if found.is_certain else ', which may be chance'}", self.limit())
        unknown = f"; {counts['unmeasured']} more do not say how long they waited" if counts["unmeasured"] else ""
        if above(observation.value or 0.0, self.max_wait_ms or 0.0):
            within = f"{counts['within']:,} of {n:,} requests waited"
            said = f"{self._form} of the wait is {observation.value:,.0f} ms, {within}"
            return Judgement(Verdict.FAILED, f"{who}{said} at most {self.max_wait_ms:g} ms{unknown}", self.limit())
        return Judgement(Verdict.PASSED, f"{who}{unknown.removeprefix('; ')}" or None, self.limit())


_WAITED = (
    f"'{WAIT}' AS measure, {QUANTILE} AS value, count(ms) AS n, count(*) AS records, "
    f"count(*) FILTER (ms <= $max_wait_ms) AS marked"
)
_NAMES = "measure, value, n, records, marked, samples"
_TURNED_AWAY = (
    f"'{REJECTED}' AS measure, count(*) FILTER (is_rejected) / count(*) AS value, count(*) AS n, count(*) AS records, "
    "count(*) FILTER (is_rejected) AS marked, "
    f"arg_min(id, (ts, id), {LISTED}) FILTER (is_rejected) AS samples, "
    "CAST(NULL AS DOUBLE) AS low_ms, CAST(NULL AS DOUBLE) AS high_ms"
)
