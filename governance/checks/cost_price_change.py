"""Whether tokens became dearer: prices told apart from the mix of models and tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row, above, below
from governance.checks._costs import COST
from governance.checks._groups import REQUEST_ID, columns, grouped, unattributed
from governance.checks._shares import LISTED
from governance.checks.output_quality import ReferenceWindow
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of
from governance.measurement.statistics import t_quantile

# Parts of a request that are charged at rates of their own: input beyond the cache, input from it, output
_PARTS = ("fresh", "written", "cached")
_SEPARABLE = 1e-9  # chosen here: share of a part's spread that the others leave unexplained, below it has no own rate


class PriceChange(Check):
    """Price change: what the tokens of the window cost, against what they would have cost at the earlier rates.

    What is measured: for each provider and model, the rates of the reference window: dollars for a token of input, of
    input read from the cache and of output, by least squares over its requests (exact where a price list is behind
    them). Then, in each group, the cost of the window's requests less what the same tokens would have cost at those
    rates, as a share of the latter: the change by price, with its 95 % interval. The counts tell the cost of 1,000
    tokens then and now and split its change into price and mix: other models, longer answers, fewer hits of the cache.

    Why it matters: a bill that grows by use is a decision of yours, one that grows by price is somebody else's; cost is
    part of what a system was approved for (NIST AI RMF, MAP 3.2), and a provider who moves an alias moves its price.

    Example:
        - id: prices-as-agreed
          kind: cost-price-change
          by: [provider]
          reference: {window: previous}
          max_rise: 0.02
          minimum_n: 100
          severity: low

    Fields:
        max_rise: Rise by price above which the check fails; exactly on it passes.
        max_fall: Fall by price above which the check fails, for logs in which that means lost tokens or a wrong unit;
            exactly on it passes.
        reference: The window that the rates are from, as {window: 2026-Q2}; unless given the one before the checked
            one, {window: previous}.
        minimum_n: Requests that can be compared, below which nothing is judged; the rates of a model need as many.

    A request is compared if it has a cost in USD and token counts, was not answered from a cache of one's own (which
    nobody charges by the token), and its model has rates for each part that it used: a model that is new, or used the
    provider's cache for the first time, has none, and neither has one whose requests were all alike, so that nothing
    tells input from output. What cannot be compared is counted with its cost and is part of the
    mix. `per` is not for this kind: the windows are compared as wholes. The interval is that of
    a ratio of two sums over requests and takes the rates as known.

    A failure can mean: a new price list; an alias that became a larger model; a discount or a batch tariff that ended;
    a price list of one's own that is wrong; or rates that depend on the length of the prompt.
    """

    table: ClassVar[str] = "requests"
    needs: ClassVar[tuple[str, ...]] = (
        "requests.cost_reported|requests.cost_computed",
        "requests.input_tokens",
        "requests.output_tokens",
    )

    max_rise: float = Field(ge=0)
    max_fall: float | None = Field(default=None, ge=0, lt=1)
    reference: ReferenceWindow = ReferenceWindow(window="previous")

    @model_validator(mode="after")
    def _as_wholes(self) -> PriceChange:
        if self.per is not None:
            raise ValueError("`per` is not for this kind: the windows are compared as wholes")
        return self

    def _compared(self, scope: Scope) -> Scope:
        return replace(scope, reference=scope.reference or scope.named_window(self.reference.window))

    def bound(self, scope: Scope) -> dict[str, Any]:
        return self._compared(scope).parameters | {"enough": self.minimum_n}

    def statement(self, scope: Scope) -> str:
        compared = self._compared(scope)
        predicted = " + ".join(f"coalesce(p.{part}, 0) * r.{part}" for part in _PARTS)
        known = " AND ".join(f"(r.{part} = 0 OR p.{part} IS NOT NULL)" for part in _PARTS)
        figures = (
            # to a billionth: beyond that lie the roundings of least squares, and + 0.0 makes no negative zero of them
            "round(sum(cost) FILTER (is_compared) / nullif(sum(predicted) FILTER (is_compared), 0) - 1, 9) + 0.0 "
            "AS value, "
            "count(*) FILTER (is_compared) AS n, count(*) AS requests, "
            "count(*) FILTER (NOT has_cost) AS unpriced, count(*) FILTER (has_cost AND NOT is_compared) AS uncompared, "
            "sum(cost) FILTER (has_cost) AS cost, sum(tokens) FILTER (has_cost) AS tokens, "
            "sum(cost) FILTER (has_cost AND NOT is_compared) AS uncompared_usd, "
            "sum(cost) FILTER (is_compared) AS compared_usd, sum(predicted) FILTER (is_compared) AS predicted_usd, "
            "sum(cost * cost) FILTER (is_compared) AS cost_squares, "
            "sum(cost * predicted) FILTER (is_compared) AS cost_predicted, "
            "sum(predicted * predicted) FILTER (is_compared) AS predicted_squares, "
            f"arg_max(id, (cost - predicted, id), {LISTED}) FILTER (is_compared AND cost > predicted) AS samples"
        )
        was = "sum(cost) AS was_cost, sum(tokens) AS was_tokens, count(*) AS was_n"
        return (
            f"WITH records AS ({self._requests(scope, scope.requests())}), "
            f"earlier AS ({self._requests(scope, compared.requests(reference=True))}), "
            f"{_rates()}, "
            f"compared AS (SELECT r.*, {predicted} AS predicted, "
            f"coalesce(r.is_charged AND p.n >= $enough AND {known}, false) AS is_compared "
            "FROM records r LEFT JOIN rates p ON p.provider IS NOT DISTINCT FROM r.provider "
            "AND p.model IS NOT DISTINCT FROM r.model) "
            f"SELECT n.*, w.was_cost, w.was_tokens, w.was_n FROM ({grouped(self, figures, 'compared')}) n "
            f"LEFT JOIN ({grouped(self, was, '(SELECT * FROM earlier WHERE has_cost)')}) w "
            "ON w.axis = n.axis AND w.subject = n.subject ORDER BY n.axis, n.subject"
        )

    def _requests(self, scope: Scope, source: str) -> str:
        """SELECT of requests with the parts that are charged, `cost` as a double, `has_cost` and `is_charged`."""
        cached = "least(greatest(coalesce(r.cache_read_tokens, 0), 0), r.input_tokens)"
        return (
            f"SELECT {columns(self, scope)}r.provider, coalesce(r.model_served, r.model_requested) AS model, "
            f"CAST(r.input_tokens - {cached} AS DOUBLE) AS fresh, CAST({cached} AS DOUBLE) AS cached, "
            "CAST(coalesce(r.output_tokens, 0) AS DOUBLE) AS written, "
            "CAST(r.input_tokens + coalesce(r.output_tokens, 0) AS DOUBLE) AS tokens, "
            f"CAST({COST} AS DOUBLE) AS cost, coalesce({COST} IS NOT NULL AND "
            "r.input_tokens + coalesce(r.output_tokens, 0) > 0, false) AS has_cost, "
            "has_cost AND coalesce(r.cache_status NOT IN ('exact_hit', 'semantic_hit'), true) AS is_charged, "
            f"{REQUEST_ID} AS id FROM {source} r"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._observation(row) for row in rows]

    def _observation(self, row: Row) -> Observation:
        n, value = row["n"], row["value"]
        named = ("requests", "unpriced", "uncompared", "uncompared_usd", "compared_usd", "predicted_usd")
        counts = {name: row[name] for name in named} | {"requests_before": row["was_n"] or 0}
        counts |= _change(row)
        reason = self._why_nothing(row) if value is None else None
        interval = None if value is None else _ratio_interval(row, value + 1)
        subject, samples = subject_of(row["subject"]), tuple(row["samples"] or ())
        return Observation(subject, "price_change", value, "share", n, counts, interval, samples, reason)

    def _why_nothing(self, row: Row) -> str:
        if row["unpriced"] == row["requests"]:
            return f"none of the {row['requests']} requests has tokens and a cost in USD"
        if row["n"]:
            return "the tokens cost nothing at the rates of the reference, so that there is no share"
        priced = row["requests"] - row["unpriced"]
        return (
            f"none of the {priced} priced requests can be compared: the reference gives no rates for their models "
            f"(it needs {self.minimum_n:,} requests of each, of different lengths)"
        )

    def limit(self) -> Mapping[str, Any]:
        own = {"max_rise": self.max_rise, "reference": self.reference.window}
        return own | ({} if self.max_fall is None else {"max_fall": self.max_fall})

    def judge(self, observation: Observation) -> Judgement:
        value, who = observation.value or 0.0, unattributed(observation.subject)
        said = f"{who}the same tokens cost {_signed(value, '.1%', 1)}{_told(observation.counts)}"
        if above(value, self.max_rise):
            return Judgement(Verdict.FAILED, f"{said}; above {self.max_rise:+.1%}", self.limit())
        if self.max_fall is not None and below(value, -self.max_fall):
            return Judgement(Verdict.FAILED, f"{said}; below {-self.max_fall:+.1%}", self.limit())
        return Judgement(Verdict.PASSED, said, self.limit())


def _rates() -> str:
    """The common tables that give each model's rates by least squares: Gaussian elimination of the normal equations.

    Source: Golub & Van Loan (2013), Matrix Computations, sections 4.1 (LDL) and 5.3 (normal equations).
    """
    pairs = [(a, b) for place, a in enumerate(_PARTS) for b in _PARTS[place:]]
    sums = ", ".join(f"sum({a} * {b}) AS {a}_{b}" for a, b in pairs)
    costs = ", ".join(f"sum({part} * cost) AS {part}_cost" for part in _PARTS)
    first = ("fresh_written / nullif(fresh_fresh, 0)", "fresh_cached / nullif(fresh_fresh, 0)")
    own = f"written_left > {_SEPARABLE} * written_written"
    last = f"cached_left > {_SEPARABLE} * cached_cached"
    return (
        f"sums AS (SELECT provider, model, count(*) AS n, {sums}, {costs} FROM earlier WHERE is_charged "
        "GROUP BY provider, model), "
        f"factors AS (SELECT *, coalesce({first[0]}, 0) AS by_written, coalesce({first[1]}, 0) AS by_cached "
        "FROM sums), "
        "one AS (SELECT *, written_written - by_written * fresh_written AS written_left, "
        "written_cached - by_written * fresh_cached AS both_left, written_cost - by_written * fresh_cost AS "
        "written_due, cached_cached - by_cached * fresh_cached AS cached_rest, "
        "cached_cost - by_cached * fresh_cost AS cached_owed FROM factors), "
        f"two AS (SELECT *, {own} AS has_written, CASE WHEN {own} THEN both_left / written_left ELSE 0 END AS factor "
        "FROM one), "
        "three AS (SELECT *, cached_rest - factor * both_left AS cached_left, cached_owed - factor * written_due AS "
        "cached_due FROM two), "
        f"four AS (SELECT *, CASE WHEN {last} THEN cached_due / cached_left END AS cached_rate FROM three "
        f"WHERE (written_written = 0 OR has_written) AND (cached_cached = 0 OR {last})), "
        "five AS (SELECT *, CASE WHEN has_written THEN (written_due - both_left * coalesce(cached_rate, 0)) / "
        "written_left END AS written_rate FROM four), "
        "rates AS (SELECT provider, model, n, cached_rate AS cached, written_rate AS written, "
        "CASE WHEN fresh_fresh > 0 THEN (fresh_cost - fresh_written * coalesce(written_rate, 0) "
        "- fresh_cached * coalesce(cached_rate, 0)) / fresh_fresh END AS fresh FROM five)"
    )


def _change(row: Row) -> dict[str, float | None]:
    """Dollars for 1,000 tokens then and now, and how much of the change is by price and by mix."""
    now = 1000 * row["cost"] / row["tokens"] if row["tokens"] else None
    was = 1000 * row["was_cost"] / row["was_tokens"] if row["was_tokens"] else None
    found: dict[str, float | None] = {"usd_per_1000_before": was, "usd_per_1000": now, "by_price": None, "by_mix": None}
    if now is not None and was is not None and row["value"] is not None:
        by_price = 1000 * (row["compared_usd"] - row["predicted_usd"]) / row["tokens"]
        found |= {"by_price": by_price, "by_mix": now - was - by_price}
    return found


def _told(counts: Mapping[str, Any]) -> str:
    now, was = counts["usd_per_1000"], counts["usd_per_1000_before"]
    if counts["by_mix"] is None:
        return ""
    split = f"{_signed(counts['by_price'], '.2g', was)} by price, {_signed(counts['by_mix'], '.2g', was)} by mix"
    return f" at the earlier rates; 1,000 tokens went from {was:.3g} to {now:.3g} USD ({split})"


def _signed(change: float, form: str, scale: float) -> str:
    """A change with its sign; one that is only the rounding of doubles is 0."""
    return f"{change if abs(change) > 1e-9 * scale else 0.0:+{form}}"


def _ratio_interval(row: Row, ratio: float) -> tuple[float, float] | None:
    """95 % interval of the cost over the predicted cost, less 1; None for a single request.

    Source: Cochran (1977), Sampling Techniques, section 6.4, without the correction for a finite population.
    """
    n = row["n"]
    if n < 2:  # noqa: PLR2004 - a spread needs two
        return None
    squares = row["cost_squares"] - 2 * ratio * row["cost_predicted"] + ratio**2 * row["predicted_squares"]
    half = t_quantile(0.975, n - 1) * math.sqrt(max(0.0, squares) * n / (n - 1)) / row["predicted_usd"]
    return ratio - 1 - half, ratio - 1 + half
