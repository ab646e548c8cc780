"""Selection rates by group, each divided by the rate of the reference group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal

from pydantic import Field

from governance.checks import Check, Row
from governance.findings import Judgement, Observation, Verdict
from governance.scopes import Scope, subject_of, subject_sql, subject_text
from governance.statistics import Z95, fisher_exact, two_proportion_z, wilson

FISHER_N, FISHER_EXPECTED = 30, 5  # an exact test below these: enforcement manual to 29 CFR 1607.4(D)


class ImpactRatio(Check):
    """Impact ratio: the favourable rate of a group divided by the favourable rate of the reference group.

    What is measured: for each axis in `by`, the share of favourable decisions in each group, and its ratio to the
    reference group. Records whose group is unknown are counted apart; the bounds say how far they could move the
    ratio. Groups below `smallest_share` of the records are left out, with their counts shown.

    Why it matters: a rate below four fifths of the highest is generally taken as evidence of adverse impact
    (29 CFR 1607.4(D)), and 6 RCNY 5-301 asks for these ratios by sex, by race and by both together.

    Example:
        - id: four-fifths
          kind: fairness-impact-ratio
          by: [sex, [sex, age_band]]
          min: 0.8
          denominator: highest-included
          smallest_share: 0.02
          minimum_n: 30
          severity: high

    Fields:
        min: Ratio below which the check fails; exactly on it passes, decided in whole numbers.
        denominator: `highest` (any group that is not left out), `highest-included` (of those also only groups with
            `minimum_n` records), or the name of a group, as {sex: male} or, on one axis, male.
        smallest_share: Groups with a smaller share of the axis' records are left out of the ratios.

    A failure can mean: a rule or model treats the group worse; the group differs in something lawful that should be
    named and conditioned on; or the favourable outcome is mapped the wrong way round.
    """

    needs = ("decisions.favourable",)

    by: tuple[tuple[str, ...], ...] = Field(min_length=1)
    min: float = Field(default=0.8, gt=0, le=1)
    denominator: Literal["highest", "highest-included"] | str | dict[str, str] = "highest-included"
    smallest_share: float = Field(default=0.0, ge=0, lt=1)

    def statement(self, scope: Scope) -> str:
        selected = [f"{scope.dimension(name, 'decisions')} AS \"{name}\"" for name in self.dimensions]
        if self.per:
            selected.append(f'{scope.calendar(self.per, "d.decision_ts")} AS "{self.per}"')
        axes = " UNION ALL ".join(self._axis(place, axis) for place, axis in enumerate(self.by))
        period = self._period
        return (
            f"WITH cells AS (SELECT {', '.join(selected)}, count(*) AS n, "
            "count(*) FILTER (d.favourable) AS favourable, "
            "arg_min(d.request_id, d.decision_ts, 10) FILTER (NOT d.favourable) AS samples "
            f"FROM {scope.decisions()} d LEFT JOIN subjects s ON s.decision_id = d.decision_id "
            "WHERE d.favourable IS NOT NULL GROUP BY ALL), "
            f"groups AS ({axes}), "
            "judged AS (SELECT *, NOT known OR n < $smallest_share * sum(n) OVER axis AS left_out, "
            "favourable / n AS rate FROM groups WINDOW axis AS (PARTITION BY axis_no, period)), "
            f"referred AS (SELECT *, {self._reference('rate')} OVER axis AS reference_rate, "
            f"{self._reference('subject')} OVER axis AS reference, "
            "sum(n) FILTER (NOT known) OVER axis AS unknown, "
            "sum(favourable) FILTER (NOT known) OVER axis AS unknown_favourable, "
            "count(*) FILTER (known) OVER axis AS groups_known "
            "FROM judged WINDOW axis AS (PARTITION BY axis_no, period)) "
            "SELECT r.*, b.n AS reference_n, b.favourable AS reference_favourable, "
            "CASE WHEN NOT r.left_out AND r.reference_rate > 0 THEN r.rate / r.reference_rate END AS value "
            "FROM referred r LEFT JOIN judged b ON b.subject = r.reference AND b.axis_no = r.axis_no "
            f"ORDER BY r.axis_no, {'r.period, ' if period else ''}r.n DESC, r.subject"
        )

    @property
    def _period(self) -> str | None:
        return self.per

    def _axis(self, place: int, axis: tuple[str, ...]) -> str:
        names = [*axis, *([self.per] if self.per else [])]
        known = " AND ".join(f'"{name}" IS NOT NULL' for name in axis)
        period = f'"{self.per}"' if self.per else "''"
        grouped = ", ".join(f'"{name}"' for name in names)
        return (
            f"SELECT {place} AS axis_no, {period} AS period, {subject_sql(names)} AS subject, {known} AS known, "
            "CAST(sum(n) AS BIGINT) AS n, CAST(sum(favourable) AS BIGINT) AS favourable, "
            f"list_slice(flatten(list(samples)), 1, 10) AS samples FROM cells GROUP BY {grouped}"
        )

    def _reference(self, what: str) -> str:
        """Aggregate that takes the rate or the name of the reference group."""
        if self.denominator == "highest":
            which = "NOT left_out"
        elif self.denominator == "highest-included":
            which = "NOT left_out AND n >= $minimum_n"
        else:
            which = "NOT left_out AND list_contains($named, subject)" if not self.per else (
                "NOT left_out AND list_contains($named, json_merge_patch(subject, '{\"' || $per || '\": null}')::VARCHAR)"
            )
        return f"max({what}) FILTER ({which})" if what == "rate" else f"arg_max(subject, rate) FILTER ({which})"

    def bound(self, scope: Scope) -> dict[str, Any]:
        bound = scope.parameters | {"smallest_share": self.smallest_share, "minimum_n": self.minimum_n}
        if isinstance(self.denominator, dict):
            bound["named"] = [subject_text(tuple(self.denominator.items()))]
        elif self.denominator not in ("highest", "highest-included"):
            bound["named"] = [subject_text(((axis[0], self.denominator),)) for axis in self.by if len(axis) == 1]
        return bound | ({"per": self.per} if self.per else {})

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:
        return [self._observation(row) for row in rows if row["known"]]

    def _observation(self, row: Row) -> Observation:
        n, favourable = row["n"], row["favourable"]
        counts = {
            "favourable": favourable,
            "rate": row["rate"],
            "rate_interval": list(wilson(favourable, n)),
            "reference": row["reference"],
            "reference_n": row["reference_n"],
            "reference_favourable": row["reference_favourable"],
            "unknown": row["unknown"] or 0,
        }
        reason = self._why_no_ratio(row)
        value = row["value"] if reason is None else None
        interval = None
        if value is not None:
            counts |= self._comparison(row)
            interval = ratio_interval(favourable, n, row["reference_favourable"], row["reference_n"])
        return Observation(
            subject_of(row["subject"]),
            "impact_ratio",
            value,
            "ratio",
            n,
            counts,
            interval,
            tuple(row["samples"] or ())[:10],
            reason,
        )

    def _why_no_ratio(self, row: Row) -> str | None:
        if row["left_out"]:
            return f"the group holds {row['n']} records, below the smallest share of {self.smallest_share:.1%}; left out"
        if row["groups_known"] < 2:  # noqa: PLR2004 - a ratio needs two groups
            return "only one group has records, so there is nothing to compare it with"
        if row["reference_rate"] is None:
            return "no group can be the reference: none has enough records, or the named one is missing or left out"
        if row["reference_rate"] == 0:
            return "nobody in the reference group was favoured, so the ratio has no denominator"
        return None

    def _comparison(self, row: Row) -> dict[str, Any]:
        n, k, m, j = row["n"], row["favourable"], row["reference_n"], row["reference_favourable"]
        expected = min((k + j) * n / (n + m), (n + m - k - j) * n / (n + m))
        small = n < FISHER_N or m < FISHER_N or expected < FISHER_EXPECTED
        test = {"fisher_p": fisher_exact(k, n, j, m)} if small else two_proportion_z(k, n, j, m)
        worst, best = _bounds(row)
        flips = flipping_outcomes(k, n, j, m, Fraction(str(self.min)))
        return {**test, "ratio_worst": worst, "ratio_best": best, "outcomes_that_flip": flips}

    def limit(self) -> Mapping[str, Any]:
        return {"min": self.min, "denominator": self.denominator}

    def judge(self, observation: Observation) -> Judgement:
        counts = observation.counts
        ratio = Fraction(counts["favourable"], observation.n) / Fraction(
            counts["reference_favourable"], counts["reference_n"]
        )
        if ratio < Fraction(str(self.min)):
            return Judgement(
                Verdict.FAILED,
                f"the favourable rate is {float(ratio):.3f} of the reference group's, below {self.min:g}",
                self.limit(),
            )
        return Judgement(Verdict.PASSED, None, self.limit())


def _bounds(row: Row) -> tuple[float | None, float | None]:
    """Ratio if every unknown person belonged where it hurts, or helps, the group most."""
    unknown, favoured = row["unknown"] or 0, row["unknown_favourable"] or 0
    n, k, m, j = row["n"], row["favourable"], row["reference_n"], row["reference_favourable"]
    if row["reference"] == row["subject"]:
        return None, None
    refused = unknown - favoured
    worst = (k / (n + refused)) / ((j + favoured) / (m + favoured)) if j + favoured else None
    best = ((k + favoured) / (n + favoured)) / (j / (m + refused)) if j else None
    return worst, best


def ratio_interval(k: int, n: int, j: int, m: int, z: float = Z95) -> tuple[float, float] | None:
    """95 % interval of the ratio of two shares k/n and j/m; None where a count of zero leaves it undefined.

    Source: Katz, Baptista, Azen & Pike (1978), Biometrics 34, method C.
    """
    if k == 0 or j == 0:
        return None
    error = math.sqrt(1 / k - 1 / n + 1 / j - 1 / m)
    ratio = (k / n) / (j / m)
    return ratio * math.exp(-z * error), ratio * math.exp(z * error)


def flipping_outcomes(k: int, n: int, j: int, m: int, limit: Fraction) -> int | None:
    """Fewest outcomes of the group that would have to change for the other verdict, or None if none can do it."""
    needed = limit * Fraction(j, m) * n  # favourable outcomes at which the ratio is exactly on the limit
    if k >= needed:
        flips = k - math.ceil(needed) + 1
        return flips if flips <= k else None
    flips = math.ceil(needed) - k
    return flips if k + flips <= n else None
