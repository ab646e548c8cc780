"""How long requests take, against a service level."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from governance.checks import Check, Row, above
from governance.checks._groups import REQUEST_ID, columns, grouped, unattributed
from governance.checks._quantiles import QUANTILE, ranked, tail_of
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of
from governance.measurement.statistics import Z95, wilson
from governance.wording import percent

_COUNTS = (
    "count(ms) AS n, count(*) AS requests, count(*) FILTER (ms <= $max_ms) AS within, "
    "count(*) FILTER (status <> 'ok') AS failed, count(*) FILTER (ms IS NULL) AS unmeasured, "
    "count(*) FILTER (ms IS NULL AND status = 'timeout') AS unmeasured_timeouts, max(ms) AS longest_ms"
)
_LONGEST = "arg_max(id, (ms, id), 10) FILTER (ms IS NOT NULL) AS samples"
_NAMES = "value, n, requests, within, failed, unmeasured, unmeasured_timeouts, longest_ms, samples, low, high"


class LatencySlo(Check):
    """Service level: how long requests take, as a quantile or as the share that was answered in time.

    What is measured: with `quantile`, the time within which that share of the requests stayed (linear between ranks,
    as SQL's `quantile_cont`), with an interval between two ranks that holds the true quantile in about 95 % of
    samples; with `share`, the share of requests within `max_ms`, with its Wilson interval, and how much of the error
    budget is spent, which is the share that came too late divided by the share that may. Requests of any status count
    if the log says how long they took; those without a duration are counted apart, timeouts among them. How fast the
    budget burned is what `service-burn-rate` looks at, with the same `max_ms`.

    Why it matters: resilience is a duty for high-risk systems (Regulation (EU) 2024/1689, article 15(4)) and a measured
    one (NIST AI RMF, MEASURE 2.6); an answer that comes too late often sends the caller to a fallback.

    Example:
        - id: response-time
          kind: latency-slo
          by: [model]
          max_ms: 2000
          quantile: 0.95
          minimum_n: 100
          severity: medium

    Fields:
        max_ms: Milliseconds; a quantile above it fails, exactly on it passes, and a request of exactly so long is in
            time.
        quantile: Share of the requests that must stay within `max_ms`, by their quantile: 0.95 is p95. At least 0.5.
        share: Instead of `quantile`: share that must be in time; a smaller share fails, exactly this share passes.
        of: `latency` (from start to end) or `ttft` (to the first token).

    A quantile needs records on both of its sides: p95 is not judged below 20 records, p99 not below 100, whatever
    `minimum_n` says. The interval has no upper end where no rank lies high enough: a p99 of 100 records has none.

    The check warns where it would pass, but would not if each timeout without a duration had been too slow.

    A failure can mean: a slower model or longer outputs; a queue; retries inside the measured time; or a unit mistaken
    in the mapping (milliseconds read as seconds).
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = ("requests.latency_us",)

    max_ms: float = Field(gt=0)
    quantile: float | None = Field(default=None, ge=0.5, lt=1)
    share: float | None = Field(default=None, gt=0, le=1)
    of: Literal["latency", "ttft"] = "latency"

    @model_validator(mode="after")
    def _one_form(self) -> LatencySlo:
        if (self.quantile is None) == (self.share is None):
            raise ValueError("give either `quantile` or `share`")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        own: dict[str, Any] = {"max_ms": self.max_ms}
        if self.quantile is not None:
            own |= {"quantile": self.quantile, "tail": tail_of(self.quantile), "z": Z95}
        return scope.parameters | own

    def statement(self, scope: Scope) -> str:
        records = (
            f"SELECT {columns(self, scope)}r.{self.of}_us AS us, r.{self.of}_us / 1000.0 AS ms, r.status, "
            f"{REQUEST_ID} AS id FROM {scope.requests()} r"
        )
        if self.quantile is None:
            figures = f"count(*) FILTER (ms <= $max_ms) / nullif(count(ms), 0) AS value, {_COUNTS}, {_LONGEST}"
            return f"WITH records AS ({records}) {grouped(self, figures, 'records')} ORDER BY axis, subject"
        figures = f"{QUANTILE} AS value, {_COUNTS}"
        axes = [ranked(self, axis, place, figures, _NAMES) for place, axis in enumerate(self.axes)]
        return (
            f"WITH records AS NOT MATERIALIZED ({records}), {', '.join(one.tables for one in axes)} "
            f"{' UNION ALL '.join(one.rows for one in axes)} ORDER BY axis, subject"
        )

    @property
    def metric(self) -> str:
        """Name of the figure, such as latency_p95 or latency_in_time."""
        return f"{self.of}_in_time" if self.quantile is None else f"{self.of}_{self._form}"

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        named = ("requests", "within", "failed", "unmeasured", "unmeasured_timeouts", "longest_ms")
        counts = {name: row[name] for name in named}
        n, reason, interval = row["n"], None, None
        if n == 0:
            reason = f"none of the {row['requests']} requests carries {self.of}_us"
        elif self.quantile is None:
            interval = wilson(row["within"], n)
            counts["budget_spent"] = self._spent(row["within"], n)
        else:
            low, high = row["low_ms"], row["high_ms"]
            counts["interval_ms"] = [low, high]
            counts["interval_ranks"] = [int(row["low"]), int(row["high"])]
            interval = (low, high) if low is not None and high is not None else None
        unit = "share" if self.quantile is None else "ms"
        samples = tuple(row["samples"] or ())
        return Observation(
            subject_of(row["subject"]), self.metric, row["value"], unit, n, counts, interval, samples, reason
        )

    def _spent(self, within: int, n: int) -> float | None:
        """Share of the error budget that is spent, 1 where just all of it is; None where there is no budget."""
        allowed = 1 - Fraction(str(self.share))
        return float(Fraction(n - within, n) / allowed) if allowed else None

    @property
    def needed(self) -> int:
        """Records below which the figure is not judged: `minimum_n`, and what both sides of the quantile need."""
        if self.quantile is None:
            return self.minimum_n
        return max(self.minimum_n, math.ceil(1 / (1 - Fraction(str(self.quantile)))))

    def verdict(self, observation: Observation) -> Judgement:
        if observation.value is not None and self.minimum_n <= observation.n < self.needed:
            reason = f"{observation.n:,} records, fewer than the {self.needed} that {self._form} needs"
            return Judgement(Verdict.NOT_ASSESSED, reason, self.limit())
        return super().verdict(observation)

    @property
    def _form(self) -> str:
        return "a share" if self.quantile is None else f"p{float(Fraction(str(self.quantile)) * 100):g}"

    def limit(self) -> Mapping[str, Any]:
        form = {"share": self.share} if self.quantile is None else {"quantile": self.quantile}
        return {"max_ms": self.max_ms, **form, "of": self.of}

    def judge(self, observation: Observation) -> Judgement:
        counts, n = observation.counts, observation.n
        who, timeouts = unattributed(observation.subject), counts["unmeasured_timeouts"]
        seen = f"{counts['within']:,} of {n:,} requests within {self.max_ms:g} ms ({counts['within'] / n:.1%})"
        missing = f"; {counts['unmeasured']} more do not say how long they took" if counts["unmeasured"] else ""
        if self._is_missed(observation):
            figure = (
                f"fewer than {percent(self.share)}" if self.share else f"{self._form} is {observation.value:,.0f} ms"
            )
            if counts.get("budget_spent") is not None:
                missing = f"; {counts['budget_spent']:.0%} of the error budget is spent{missing}"
            return Judgement(Verdict.FAILED, f"{who}{figure}: {seen}{missing}", self.limit())
        if timeouts and counts["within"] < self._enough(n + timeouts):
            reason = f"{who}{seen}, but too few if the {timeouts} timeouts without a duration were too slow"
            return Judgement(Verdict.WARNED, reason, self.limit())
        return Judgement(Verdict.PASSED, f"{who}{seen}{missing}" if missing or who else None, self.limit())

    def _is_missed(self, observation: Observation) -> bool:
        if self.share is None:
            return above(observation.value or 0.0, self.max_ms)
        return bool(observation.counts["within"] < self._enough(observation.n))

    def _enough(self, n: int) -> Fraction:
        """Requests in time that are enough among n: both ranks that the quantile lies between, or the share."""
        if self.share is not None:
            return Fraction(str(self.share)) * n
        return Fraction(math.ceil((n - 1) * Fraction(str(self.quantile))) + 1)
