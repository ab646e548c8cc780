"""Selection rates by group, each divided by the rate of the reference group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import groupby
from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field, field_validator

from governance.checks import Check, Row
from governance.checks._bootstrap import Comparison, Reselected, compared_with_highest
from governance.checks._groups import columns, decided, keys, subject_column
from governance.checks._intervals import share_ratio_interval
from governance.checks._ratios import Group, flipping_outcomes, ratio_bounds
from governance.engines.duckdb import identifier
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of, subject_sql, subject_text
from governance.measurement.statistics import fisher_exact, two_proportion_z, wilson

FISHER_N, FISHER_EXPECTED = 30, 5  # an exact test below these: enforcement manual to 29 CFR 1607.4(D)
_HIGHEST = ("highest", "highest-included")


class ImpactRatio(Check):
    """Impact ratio: the favourable rate of a group divided by the favourable rate of the reference group.

    What is measured: for each axis in `by`, the share of favourable decisions in each group with its Wilson interval,
    and its ratio to the reference group with the interval of Katz and others. Beside it: a test of the difference (z,
    or Fisher's exact test where numbers are small), the fewest outcomes that would turn the verdict, and, where the
    group of some people is not known, how far they could move the ratio. Groups below `smallest_share` are left out,
    with their counts shown. Decisions that do not say whether they were favourable are counted as undecided.

    Where the reference is the group with the highest rate, chance chooses it too, which the interval of Katz does not
    know: `reselected_interval` is a bootstrap from the counts (4,000 draws, fixed seed) that chooses the reference anew
    in each draw, and `reference_again` the share of draws in which it is the same one; a share far below one says that
    another group could as well be it.

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
            `minimum_n` records), or the name of a group, as {sex: male} or, on one axis, male. Of two groups with the
            same rate the larger one is the reference.
        smallest_share: Groups with a smaller share of the axis' records, those of unknown groups apart, are left out.
        outcome: `favourable`, or `above-median` for scores: a decision counts as favourable if its score is above the
            median of all scores in the window (in the part of the calendar, with `per`), those of unknown groups
            included; a score on the median does not (6 RCNY 5-301, scoring rate). With few distinct scores the rates
            lie well below one half.

    A ratio needs two groups: where no other group has `minimum_n` records, the reference is not assessed either.

    A failure can mean: a rule or model treats the group worse; the group differs in something lawful that should be
    named and conditioned on; or the favourable outcome is mapped the wrong way round.
    """

    needs: ClassVar[tuple[str, ...]] = ("decisions.favourable",)

    by: tuple[tuple[str, ...], ...] = Field(min_length=1)
    min: float = Field(default=0.8, gt=0, le=1)
    denominator: Literal["highest", "highest-included"] | str | dict[str, str] = "highest-included"  # noqa: PYI051 - for editors
    smallest_share: float = Field(default=0.0, ge=0, lt=1)
    outcome: Literal["favourable", "above-median"] = "favourable"

    @field_validator("by")
    @classmethod
    def _axes_have_groups(cls, value: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        if not all(value):
            raise ValueError("an axis names no column, so it has no groups to compare")
        return value

    def statement(self, scope: Scope) -> str:
        axes = " UNION ALL ".join(self._axis(place, axis) for place, axis in enumerate(self.by))
        refers = "n >= $minimum_n" if self.denominator == "highest-included" else "true"
        if self.denominator not in _HIGHEST:
            refers = "list_contains($named, label)"
        return (
            f"WITH {self._records(scope)}, cells AS (SELECT {self._columns}count(favourable) AS n, "
            "count(*) FILTER (favourable) AS favourable, count(*) - count(favourable) AS undecided, "
            "min({'ts': ts, 'id': id}, 10) FILTER (NOT favourable) AS samples "
            f"FROM records GROUP BY ALL), groups AS ({axes}), "
            "judged AS (SELECT *, favourable / nullif(n, 0) AS rate, NOT known OR n = 0 OR "
            "n < CAST($smallest_share AS DECIMAL(18, 9)) * CAST(sum(n) FILTER (known) OVER part AS BIGINT) AS left_out "
            "FROM groups WINDOW part AS (PARTITION BY axis, period)), "
            f"referring AS (SELECT *, NOT left_out AND {refers} AS may_refer FROM judged), "
            "referred AS (SELECT *, max(rate) FILTER (may_refer) OVER part AS reference_rate, "
            "arg_max(subject, (rate, n, subject)) FILTER (may_refer) OVER part AS reference "
            "FROM referring WINDOW part AS (PARTITION BY axis, period)) "
            "SELECT *, CASE WHEN NOT left_out AND reference_rate > 0 THEN rate / reference_rate END AS value "
            "FROM referred ORDER BY axis, period, n DESC, subject"
        )

    def _records(self, scope: Scope) -> str:
        """One row for each decision in scope: its groups, whether it was favourable, its id."""
        own = f"{columns(self, scope)}d.decision_ts AS ts, d.decision_id AS id"
        if self.outcome == "favourable":
            return f"records AS (SELECT {own}, d.favourable, NULL AS median FROM {decided(self, scope)})"
        per = identifier(f"group_{self.per}") if self.per else None
        by, joined = (f" GROUP BY {per}", f"USING ({per})") if per else ("", "ON true")
        return (
            f"scored AS (SELECT {own}, d.score FROM {decided(self, scope)}), "
            f"medians AS (SELECT {f'{per}, ' if per else ''}median(score) AS median FROM scored{by}), "
            f"records AS (SELECT *, score > median AS favourable FROM scored LEFT JOIN medians {joined})"
        )

    @property
    def _columns(self) -> str:
        names = [*self.dimensions, *([self.per] if self.per else [])]
        return "".join(f"{identifier(f'group_{name}')}, " for name in names) + "max(median) AS median, "

    def _axis(self, place: int, axis: tuple[str, ...]) -> str:
        own = [identifier(f"group_{name}") for name in axis]
        period = identifier(f"group_{self.per}") if self.per else "''"
        return (
            f"SELECT {place} AS axis, {period} AS period, {subject_column(self, axis)} AS subject, "
            f"{subject_sql(axis, own)} AS label, {' AND '.join(f'{key} IS NOT NULL' for key in own)} AS known, "
            "CAST(sum(n) AS BIGINT) AS n, CAST(sum(favourable) AS BIGINT) AS favourable, "
            "CAST(sum(undecided) AS BIGINT) AS undecided, max(median) AS median, flatten(list(samples)) AS samples "
            f"FROM cells GROUP BY {', '.join(keys(self, axis))}"
        )

    def bound(self, scope: Scope) -> dict[str, Any]:
        own: dict[str, Any] = {"smallest_share": f"{self.smallest_share:.9f}"}
        if self.denominator == "highest-included":
            own["minimum_n"] = self.minimum_n
        if self.denominator not in _HIGHEST:
            own["named"] = [label for axis in self.by if (label := self._named(axis)) is not None]
        return scope.parameters | own

    def _named(self, axis: Sequence[str]) -> str | None:
        """The text of the named reference group on an axis, or None if it names other dimensions."""
        if isinstance(self.denominator, dict):
            given = self.denominator
            return subject_text(tuple((name, given[name]) for name in axis)) if set(given) == set(axis) else None
        return subject_text(((axis[0], self.denominator),)) if len(axis) == 1 else None

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [found for _, part in groupby(rows, key=_part) for found in self._observations(list(part))]

    def _observations(self, rows: Sequence[Row]) -> Iterator[Observation]:
        """The observations of one axis in one part of the calendar."""
        unknown = [row for row in rows if not row["known"]]
        known = [row for row in rows if row["known"]]
        axis = _Axis(
            known,
            Group(sum(row["favourable"] for row in unknown), sum(row["n"] for row in unknown)),
            _reselected(known) if self.denominator in _HIGHEST else {},
        )
        for row in axis.groups:
            yield self._observation(row, axis)

    def _observation(self, row: Row, axis: _Axis) -> Observation:
        n, favourable = row["n"], row["favourable"]
        reference = next((other for other in axis.groups if other["subject"] == row["reference"]), None)
        counts = {
            "favourable": favourable,
            "rate": row["rate"],
            "rate_interval": list(wilson(favourable, n)) if n else None,
            "reference": row["reference"],
            "reference_n": reference and reference["n"],
            "reference_favourable": reference and reference["favourable"],
            "unknown": axis.unknown.n,
            "undecided": row["undecided"],
        }
        counts |= {"median": row["median"]} if self.outcome == "above-median" else {}
        reason, interval = self._why_no_ratio(row, axis), None
        if reason is None and reference is not None:
            counts |= self._comparison(row, reference, axis)
            if (drawn := axis.reselected.get(row["subject"])) is not None:
                counts["reselected_interval"] = drawn.interval and list(drawn.interval)
                counts["reference_again"] = axis.reselected[reference["subject"]].is_highest
            if reference is not row:
                interval = share_ratio_interval(favourable, n, reference["favourable"], reference["n"])
        value = row["value"] if reason is None else None
        listed = sorted((sample["ts"], sample["id"]) for sample in row["samples"] or ())
        samples = tuple(name for _, name in listed[:10])
        return Observation(
            subject_of(row["subject"]), "impact_ratio", value, "ratio", n, counts, interval, samples, reason
        )

    def _why_no_ratio(self, row: Row, axis: _Axis) -> str | None:
        if row["n"] == 0:
            return f"none of the {row['undecided']} decisions about the group says whether it was favourable"
        if row["left_out"]:
            return (
                f"the group holds {row['n']} records, below the smallest share of {self.smallest_share:.1%}; left out"
            )
        if row["reference"] is None:
            return "no group can be the reference: none has enough records, or the named one is missing or left out"
        if row["reference_rate"] == 0:
            return "nobody in the reference group was favoured, so the ratio has no denominator"
        others = [other for other in axis.groups if other is not row and not other["left_out"]]
        if row["subject"] == row["reference"] and all(other["n"] < self.minimum_n for other in others):
            return "no other group has enough records to compare it with"
        return None

    def _comparison(self, row: Row, reference: Row, axis: _Axis) -> dict[str, Any]:
        """Bounds, test and flips of a group against the reference; the reference has only bounds."""
        own, other = Group(row["favourable"], row["n"]), Group(reference["favourable"], reference["n"])
        is_highest = self.denominator in _HIGHEST
        if is_highest:
            rivals = [g for g in axis.groups if g["may_refer"] and g is not row]
            references = [Group(rival["favourable"], rival["n"]) for rival in rivals]
        else:
            references = [other]
        bounds: dict[str, Any] = {"ratio_worst": None, "ratio_proportional": None, "ratio_best": None}
        if is_highest or reference is not row:
            known = sum(group["n"] for group in axis.groups)
            found = ratio_bounds(own, references, axis.unknown, known, is_highest=is_highest)
            bounds = {f"ratio_{name}": value for name, value in found._asdict().items()}
        if reference is row:
            return bounds | {"outcomes_that_flip": None}
        return (
            bounds | _test(own, other) | {"outcomes_that_flip": flipping_outcomes(own, other, Fraction(str(self.min)))}
        )

    def limit(self) -> Mapping[str, Any]:
        return {"min": self.min, "denominator": self.denominator, "outcome": self.outcome}

    def judge(self, observation: Observation) -> Judgement:
        counts = observation.counts
        ratio = Group(counts["favourable"], observation.n).rate
        ratio /= Group(counts["reference_favourable"], counts["reference_n"]).rate
        if ratio < Fraction(str(self.min)):
            reason = f"the favourable rate is {float(ratio):.3f} of the reference group's, below {self.min:g}"
            return Judgement(Verdict.FAILED, reason, self.limit())
        return Judgement(Verdict.PASSED, None, self.limit())


class _Axis(NamedTuple):
    """The known groups of one axis in one part of the calendar.

    Attributes:
        groups: Their rows.
        unknown: The decisions whose group is not known.
        reselected: Subject -> its ratio where chance chooses the reference; empty where the policy names it.
    """

    groups: Sequence[Row]
    unknown: Group
    reselected: Mapping[str, Reselected]


def _reselected(rows: Sequence[Row]) -> dict[str, Reselected]:
    """The groups that are not left out, if one of them may be the reference and there is another."""
    own = [row for row in rows if not row["left_out"]]
    if len(own) < 2 or not any(row["may_refer"] for row in own):  # noqa: PLR2004 - nothing to compare
        return {}
    counted = [Group(row["favourable"], row["n"]) for row in own]
    found = compared_with_highest(counted, [row["may_refer"] for row in own], Comparison.QUOTIENT)
    return {row["subject"]: one for row, one in zip(own, found, strict=True)}


def _part(row: Row) -> tuple[int, str]:
    return row["axis"], row["period"]


def _test(own: Group, other: Group) -> dict[str, Any]:
    """Fisher's exact test where a group or an expected count is small, else the z test of two proportions."""
    (k, n), (j, m) = own, other
    expected = min(n, m) * min(k + j, n + m - k - j) / (n + m)
    if n < FISHER_N or m < FISHER_N or expected < FISHER_EXPECTED:
        return {"fisher_p": fisher_exact(k, n, j, m)}
    return dict(two_proportion_z(k, n, j, m))
