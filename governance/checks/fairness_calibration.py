"""Whether the same score means the same for every group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, ClassVar

from pydantic import Field

from governance.checks import Check, Row
from governance.checks._bands import Bands, edges_of, name_sql, number_sql
from governance.checks._discoveries import false_discovery_rates, p_of_difference
from governance.checks._groups import keys, names
from governance.checks._labels import COUNTS, Duration, Truth
from governance.checks._references import Reference, bound_reference, own_columns, parts, samples_of
from governance.engines.duckdb import identifier
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of, subject_sql
from governance.measurement.statistics import newcombe, wilson
from governance.wording import points

OTHERS, KEY = "others", "score_band"
_USED = "is_mature AND positive IS NOT NULL"
_CELL = (
    f"{COUNTS}, count(*) FILTER ({_USED} AND positive) AS hits, coalesce(sum(score) FILTER ({_USED}), 0) AS total, "
    "count(*) FILTER (score NOT BETWEEN 0 AND 1) AS out_of_range, "
    f"min({{'ts': ts, 'id': id}}, 10) FILTER ({_USED} AND positive) AS samples"
)
_SUMMED = ("decisions", "immature", "immature_labelled", "labelled", "hits", "out_of_range")


class FairnessCalibration(Check):
    """Calibration by group: of people with the same score, does the same share have the outcome in every group?

    What is measured: decisions that are old enough and whose outcome is known, in bands of their score. In each band,
    the share with the outcome in a group, less the share among everybody else in that band (or in a named group), with
    the interval of Newcombe and a test (z, or Fisher's exact test where numbers are small). Every group and band is a
    finding; the share of false ones among the discoveries is held at `false_discovery` (Benjamini & Hochberg 1995) over
    all of them. The mean scores of both sides are shown: within a wide band they may differ too.

    Why it matters: where a score of 7 means one offence in two for one group and one in three for another, one
    threshold asks different things of them (Kleinberg, Mullainathan & Raghavan 2017; Chouldechova 2017; Regulation (EU)
    2024/1689, article 15).

    Example:
        - id: same-score-same-meaning
          kind: fairness-calibration
          by: [sex]
          outcome: default
          bands: [0.1, 0.2, 0.4]
          max_difference: 0.1
          mature_after: 90d
          minimum_n: 30
          severity: high

    Fields:
        outcome: Name of the outcome, as the log has it.
        bands: Number of equal bands of 0..1, or the edges between bands in the unit of the score, such as [500, 600].
        max_difference: Difference, either way, above which a group fails; exactly on it passes, in whole numbers.
        reference: `others`, or the name of a group, as {race: white} or, on one axis, white.
        false_discovery: Share of false discoveries that is accepted among all.
        mature_after: Time after which a decision's outcome counts, such as 90d; younger ones are counted apart.
        min_labelled: Share of the old enough decisions that must have the outcome; otherwise nothing is assessed.

    `minimum_n` holds for the group and for those it is compared with, in each band. A difference above the limit that
    is no discovery is a warning. Decisions without a score are left out.

    A failure can mean: an input says something else in one group than in another; the score leaves out what matters in
    the group; or outcomes are recorded more eagerly for one group than for another.
    """

    needs: ClassVar[tuple[str, ...]] = ("outcomes.positive", "decisions.score")

    by: tuple[tuple[str, ...], ...] = Field(min_length=1)
    outcome: str = Field(min_length=1)
    bands: Bands = 10
    max_difference: float = Field(ge=0, lt=1)
    reference: Reference = OTHERS
    false_discovery: float = Field(default=0.05, gt=0, lt=1)
    mature_after: Duration | None = None
    min_labelled: float = Field(default=0.0, ge=0, le=1)

    @property
    def truth(self) -> Truth:
        """The outcome that groups are compared by."""
        return Truth(self.outcome, self.mature_after, self.min_labelled)

    def bound(self, scope: Scope) -> dict[str, Any]:
        named = {} if self.reference == OTHERS else bound_reference(self, self.reference)
        return scope.parameters | self.truth.parameters | named

    def statement(self, scope: Scope) -> str:
        records = self.truth.records(self, scope, ["CASE WHEN isfinite(d.score) THEN d.score END AS score"])
        band = number_sql(edges_of(self.bands), "score")
        if self.reference == OTHERS:
            against = {name: f"sum({name}) FILTER (known) OVER part - {name}" for name in ("hits", "labelled", "total")}
        else:
            named = "FILTER (list_contains($named, label)) OVER part"
            against = {name: f"sum({name}) {named}" for name in ("hits", "labelled", "total")}
        beside = ", ".join(
            f"CAST({sql} AS {'DOUBLE' if name == 'total' else 'BIGINT'}) AS other_{name}"
            for name, sql in against.items()
        )
        axes = " UNION ALL ".join(map(self._axis, range(len(self.axes))))
        value = "hits / nullif(labelled, 0) - other_hits / nullif(other_labelled, 0)"
        return (
            f"WITH {self.truth.tables()}, records AS ({records}), cells AS (SELECT {own_columns(self)}{band} AS band, "
            f"{_CELL} FROM records WHERE score IS NOT NULL GROUP BY ALL), groups AS ({axes}), "
            f"compared AS (SELECT *, {beside} FROM groups WINDOW part AS (PARTITION BY axis, period, band)) "
            f"SELECT *, {value} AS value FROM compared ORDER BY axis, period, band, decisions DESC, label"
        )

    def _axis(self, place: int) -> str:
        """One row for each group of an axis, part of the calendar and band."""
        axis = self.axes[place]
        own = [identifier(f"group_{name}") for name in axis]
        period = identifier(f"group_{self.per}") if self.per else "''"
        named = name_sql(edges_of(self.bands), "band")
        sums = ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in _SUMMED)
        return (
            f"SELECT {place} AS axis, {period} AS period, band, {subject_sql(axis, own)} AS label, "
            f"{subject_sql([*names(self, axis), KEY], [*keys(self, axis), named])} AS subject, "
            f"{' AND '.join(f'{key} IS NOT NULL' for key in own) or 'true'} AS known, {sums}, sum(total) AS total, "
            "max(outcomes) AS outcomes, max(seen_until) AS seen_until, flatten(list(samples)) AS samples "
            f"FROM cells GROUP BY {', '.join([*keys(self, axis), 'band'])}"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        found = []
        for part in parts(rows, "axis", "period", "band"):
            unknown = sum(row["labelled"] for row in part if not row["known"])
            found += [self._observation(row, unknown) for row in part if row["known"]]
        tested = [one for one in found if "p" in one.counts and one.n >= self.minimum_n]
        rates = dict(zip(map(id, tested), false_discovery_rates([one.counts["p"] for one in tested]), strict=True))
        more = {"comparisons": len(tested)}
        return [
            replace(one, counts={**one.counts, "false_discovery_rate": rates[id(one)], **more})
            if id(one) in rates
            else one
            for one in found
        ]

    def _observation(self, row: Row, unknown: int) -> Observation:
        k, n, j, m = row["hits"], row["labelled"], row["other_hits"] or 0, row["other_labelled"] or 0
        counts = self.truth.counts(row) | {
            "hits": k,
            "rate": k / n if n else None,
            "rate_interval": list(wilson(k, n)) if n else None,
            "mean_score": row["total"] / n if n else None,
            "others_n": m,
            "others_hits": j,
            "others_rate": j / m if m else None,
            "others_mean_score": row["other_total"] / m if m else None,
            "unknown": unknown,
        }
        reason, value, interval = self._why_no_difference(row, m), None, None
        if reason is None:
            value = row["value"]
            if not self._is_reference(row):
                interval = newcombe(k, n, j, m)
                counts["p"] = p_of_difference(k, n, j, m)
        subject = subject_of(row["subject"])
        return Observation(
            subject, "outcome_difference", value, "share", min(n, m), counts, interval, samples_of(row), reason
        )

    def _is_reference(self, row: Row) -> bool:
        return self.reference != OTHERS and row["label"] in bound_reference(self, self.reference)["named"]

    def _why_no_difference(self, row: Row, others: int) -> str | None:
        if reason := self.truth.why_unlabelled(row):
            return reason
        if isinstance(self.bands, int) and row["out_of_range"]:
            return f"{row['out_of_range']} scores lie outside 0..1; give the edges of `bands` in the unit of the score"
        if others == 0:
            whom = "nobody else" if self.reference == OTHERS else "nobody in the named group"
            return f"{whom} with a known outcome has a score in this band"
        return None

    def limit(self) -> Mapping[str, Any]:
        own = {"outcome": self.outcome, "max_difference": self.max_difference, "reference": self.reference}
        own |= {"false_discovery": self.false_discovery, "mature_after": self.mature_after}
        return {name: value for name, value in own.items() if value is not None}

    def judge(self, observation: Observation) -> Judgement:
        counts = observation.counts
        own, other = Fraction(counts["hits"], counts["labelled"]), Fraction(counts["others_hits"], counts["others_n"])
        if abs(own - other) <= Fraction(str(self.max_difference)):
            return Judgement(Verdict.PASSED, None, self.limit())
        rate = counts["false_discovery_rate"]
        reason = (
            f"{counts['hits']:,} of {counts['labelled']:,} had the outcome ({float(own):.1%}), {float(other):.1%} of "
        )
        reason += f"{counts['others_n']} others with such a score: more than {points(self.max_difference)} apart; "
        reason += f"false discovery rate {rate:.3g} in {counts['comparisons']} comparisons"
        if rate > self.false_discovery:
            return Judgement(Verdict.WARNED, f"{reason}, which may be chance", self.limit())
        return Judgement(Verdict.FAILED, reason, self.limit())
