"""Impact ratios within the levels of a stated factor, beside those over all records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row, below
from governance.checks._bands import Edges, name_sql, number_sql
from governance.checks._discoveries import false_discovery_rates, p_of_difference
from governance.checks._groups import columns, decided, keys, names
from governance.checks._intervals import share_ratio_interval
from governance.checks._references import Reference, bound_reference, groups, own_columns, parts, referred, samples_of
from governance.checks._strata import Level, common_ratio_interval
from governance.engines.duckdb import identifier
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, UnknownDimensionError, subject_of, subject_sql

COMMON, LEVEL = "common", "level"
_INPUTS = "features:"
_SUMS = (
    "CAST(sum(n) AS BIGINT) AS n, CAST(sum(favourable) AS BIGINT) AS favourable, "
    "CAST(sum(undecided) AS BIGINT) AS undecided, flatten(list(samples)) AS samples"
)


class Conditional(Check):
    """Conditional impact ratio: is a group treated worse among those who are alike in a stated factor?

    What is measured: the favourable rate of each group within each level of the factor `given`, divided by that of the
    reference group in the same level; and the common ratio over all levels (Mantel & Haenszel, interval by Greenland &
    Robins), beside the ratio over all records. Where the two lie on different sides of 1 the counts say
    `simpson: true`: a ratio over all records then speaks of the mix of levels and not of how people were treated in
    them. The counts hold every level; with `each_level` each has a finding too.

    Why it matters: a difference may follow from a lawful factor, such as the department that people apply to (Bickel,
    Hammel & O'Connell 1975), and a fair-looking total can hide that one branch refuses a group (29 CFR 1607.4(C) and
    (D); Regulation (EU) 2024/1689, article 10(2)). Which factor is lawful is for people to say; it is stated here.

    Example:
        - id: given-income
          kind: fairness-conditional
          by: [sex]
          given: income_usd
          cuts: [20000, 40000, 80000]
          each_level: true
          min: 0.8
          minimum_n: 30
          severity: high

    Fields:
        given: The factor: a column of the decisions, a protected attribute, or an input of the model.
        cuts: Edges between levels, where the factor is a number; otherwise each of its values is a level.
        each_level: Whether each level is judged as well.
        min: Ratio below which the check fails; exactly on it passes.
        reference: `highest` (the group with the highest rate over all records among those with `minimum_n`), or the
            name of a group, as {sex: male} or, on one axis, male.
        false_discovery: Share of false discoveries that is accepted among the levels (Benjamini & Hochberg 1995).

    `minimum_n` holds for the group and for the reference group, in levels that hold both. Below `min` over all records
    but not within the levels is a warning: the factor explains it, if it is a lawful one. So is a ratio below `min` in
    one level that is no discovery among all levels. Decisions that do not say the factor are counted as `without`.

    A failure can mean: people who are alike in the factor are treated differently; the levels are too wide; or another
    lawful factor is missing.
    """

    needs: ClassVar[tuple[str, ...]] = ("decisions.favourable",)

    by: tuple[tuple[str, ...], ...] = Field(min_length=1)
    given: str = Field(min_length=1)
    cuts: Edges | None = None
    each_level: bool = False
    min: float = Field(default=0.8, gt=0, le=1)
    reference: Reference = "highest"
    false_discovery: float = Field(default=0.05, gt=0, lt=1)

    @model_validator(mode="after")
    def _is_another(self) -> Conditional:
        if any(self.given in axis for axis in self.by):
            raise ValueError("`given` must be another column than those in `by`")
        return self

    def bound(self, scope: Scope) -> dict[str, Any]:
        return scope.parameters | bound_reference(self, self.reference)

    def statement(self, scope: Scope) -> str:
        axes = range(len(self.axes))
        return (
            f"WITH {self._records(scope)}, cells AS (SELECT {own_columns(self)}level, count(favourable) AS n, "
            "count(*) FILTER (favourable) AS favourable, count(*) - count(favourable) AS undecided, "
            f"{_SAMPLES} FROM records GROUP BY ALL), "
            f"crude AS ({groups(self, _CRUDE, 'cells')}), "
            f"rates AS (SELECT *, favourable / nullif(n, 0) AS rate FROM crude), "
            f"whole AS ({referred('rates', self.reference)}), "
            f"levels AS ({' UNION ALL '.join(map(self._levels, axes))}), "
            f"compared AS ({_COMPARED}) {_COMMON}{f' UNION ALL {_EACH}' if self.each_level else ''} "
            "ORDER BY axis, period, what, rate DESC, subject"
        )

    def _records(self, scope: Scope) -> str:
        """One row for each decision in scope: its groups, the level of the factor, whether it was favourable."""
        factors, source = "", decided(self, scope)
        try:
            factor = scope.dimension(self.given, "decisions")
        except UnknownDimensionError:
            factors, factor = f"factors AS ({self._inputs(scope)}), ", "f.factor"
            source += " LEFT JOIN factors f ON f.decision_id = d.decision_id"
        else:
            source = decided(self.model_copy(update={"by": (*self.by, (self.given,))}), scope)
        level = f"CAST({factor} AS VARCHAR)"
        if self.cuts is not None:
            level = name_sql(self.cuts, f"({number_sql(self.cuts, f'TRY_CAST({factor} AS DOUBLE)')})")
        own = f"{columns(self, scope)}{level} AS level, d.favourable, d.decision_ts AS ts, d.decision_id AS id"
        return f"{factors}records AS (SELECT {own} FROM {source})"

    def _inputs(self, scope: Scope) -> str:
        """The factor of each decision, from the inputs of all models that have it.

        Raises:
            UnknownDimensionError: No model has an input of that name.
        """
        found = [
            f"SELECT decision_id, CAST({identifier(self.given)} AS VARCHAR) AS factor FROM {identifier(view)}"
            for view, listed in scope.columns.items()
            if view.startswith(_INPUTS) and self.given in listed
        ]
        if not found:
            raise UnknownDimensionError(self.given)
        return " UNION ALL ".join(found)

    def _levels(self, place: int) -> str:
        """One row for each group of an axis and each level."""
        axis = self.axes[place]
        own = [identifier(f"group_{name}") for name in axis]
        named = subject_sql([*names(self, axis), self.given], [*keys(self, axis), "level"])
        period = identifier(f"group_{self.per}") if self.per else "''"
        by = ", ".join([*keys(self, axis), "level"])
        owner = subject_sql(names(self, axis), keys(self, axis))
        return (
            f"SELECT {place} AS axis, {period} AS period, {owner} AS owner, {named} AS subject, level, {_SUMS} "
            f"FROM cells WHERE level IS NOT NULL AND {' AND '.join(f'{key} IS NOT NULL' for key in own)} GROUP BY {by}"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        found = [one for part in parts(rows, "axis", "period") for one in self._observations(part)]
        tested = [one for one in found if "p" in one.counts and one.n >= self.minimum_n]
        rates = dict(zip(map(id, tested), false_discovery_rates([one.counts["p"] for one in tested]), strict=True))
        return [
            replace(one, counts={**one.counts, "false_discovery_rate": rates[id(one)], "comparisons": len(tested)})
            if id(one) in rates
            else one
            for one in found
        ]

    def _observations(self, rows: Sequence[Row]) -> Iterator[Observation]:
        unknown = sum(row["n"] for row in rows if not row["known"] and row["what"] == COMMON)
        whole = [row for row in rows if row["known"] and row["what"] == COMMON]
        for row in whole:
            yield self._over_all(row, whole, unknown)
        for row in rows:
            if row["what"] == LEVEL:
                yield self._in_level(row)

    def _over_all(self, row: Row, rivals: Sequence[Row], unknown: int) -> Observation:
        levels = [Level(*(level[name] for name in Level._fields)) for level in row["levels"] or ()]
        both = [level for level in levels if level.n and level.other_n]
        n = min(sum(level.n for level in both), sum(level.other_n for level in both))
        reference = next((other for other in rivals if other["subject"] == row["reference"]), None)
        crude = None
        if reference is not None and reference["favourable"]:
            crude = row["rate"] / reference["rate"] if row["n"] else None
        counts: dict[str, Any] = {
            **{name: row[name] for name in ("n", "favourable", "undecided", "without", "rate", "reference")},
            "reference_rate": row["reference_rate"],
            "crude_ratio": crude,
            "unknown": unknown,
            "levels": row["levels"],
        }
        reason, value, interval = self._why_no_ratio(row, rivals, both), None, None
        if reason is None:
            value = row["value"]
            counts["simpson"] = crude is not None and (crude - 1) * (value - 1) < 0 and not _same(crude, value)
            interval = common_ratio_interval(levels) if row is not reference else None
        samples, facts = samples_of(row), {"what": COMMON}
        subject = subject_of(row["subject"])
        return Observation(subject, "common_impact_ratio", value, "ratio", n, counts, interval, samples, reason, facts)

    def _why_no_ratio(self, row: Row, rivals: Sequence[Row], both: Sequence[Level]) -> str | None:
        if row["n"] == 0:
            return f"no decision about the group says both whether it was favourable and its {self.given}"
        if row["reference"] is None:
            return "no group can be the reference: none has enough records, or the named one is missing"
        if row["subject"] == row["reference"] and all(
            other["n"] < self.minimum_n for other in rivals if other is not row
        ):
            return "no other group has enough records to compare it with"
        if not both:
            return f"no level of {self.given} holds both the group and the reference group"
        if row["value"] is None:
            return "nobody in the reference group was favoured in any such level, so the ratio has no denominator"
        return None

    def _in_level(self, row: Row) -> Observation:
        (one,) = row["levels"]
        k, n, j, m = (one[name] or 0 for name in Level._fields)
        counts: dict[str, Any] = {"favourable": k, "n": n, "reference_favourable": j, "reference_n": m}
        counts |= {"reference": row["reference"], "undecided": row["undecided"]}
        reason, interval = None, None
        if n == 0:
            reason = "no decision about the group in this level says whether it was favourable"
        elif row["reference"] is None:
            reason = "no group can be the reference: none has enough records, or the named one is missing"
        elif m == 0:
            reason = "nobody of the reference group is in this level"
        elif j == 0:
            reason = "nobody of the reference group was favoured in this level, so the ratio has no denominator"
        elif not row["is_reference"]:
            counts["p"], interval = p_of_difference(k, n, j, m), share_ratio_interval(k, n, j, m)
        value = row["value"] if reason is None else None
        subject, facts = subject_of(row["subject"]), {"what": LEVEL}
        return Observation(
            subject, "impact_ratio", value, "ratio", min(n, m), counts, interval, samples_of(row), reason, facts
        )

    def limit(self) -> Mapping[str, Any]:
        return {"min": self.min, "given": self.given, "reference": self.reference}

    def judge(self, observation: Observation) -> Judgement:
        counts, value = observation.counts, observation.value or 0.0
        if observation.facts["what"] == LEVEL:
            return self._judge_level(observation)
        crude = counts["crude_ratio"]
        said = f"the favourable rate is {value:.3f} of the reference group's within levels of {self.given}"
        said += f", {crude:.3f} over all records" if crude is not None else ""
        said += " (Simpson's paradox)" if counts["simpson"] else ""
        if below(value, self.min):
            return Judgement(Verdict.FAILED, f"{said}: below {self.min:g}", self.limit())
        if crude is not None and below(crude, self.min):
            reason = f"{said}: {self.given} explains it, if it is a lawful factor"
            return Judgement(Verdict.WARNED, reason, self.limit())
        return Judgement(Verdict.PASSED, said if counts["simpson"] else None, self.limit())

    def _judge_level(self, observation: Observation) -> Judgement:
        counts, value = observation.counts, observation.value or 0.0
        ratio = Fraction(counts["favourable"] * counts["reference_n"], counts["n"] * counts["reference_favourable"])
        if ratio >= Fraction(str(self.min)):
            return Judgement(Verdict.PASSED, None, self.limit())
        rate = counts["false_discovery_rate"]
        reason = f"in this level {counts['favourable']:,} of {counts['n']:,} were favoured, "
        reason += f"{counts['reference_favourable']:,} of {counts['reference_n']:,} in the reference group: "
        reason += f"{value:.3f}, below {self.min:g}; "
        reason += f"false discovery rate {rate:.3g} in {counts['comparisons']} comparisons"
        if rate > self.false_discovery:
            return Judgement(Verdict.WARNED, f"{reason}, which may be chance", self.limit())
        return Judgement(Verdict.FAILED, reason, self.limit())


def _same(one: float, other: float) -> bool:
    # a ratio of exactly 1 is on neither side, whatever the last bit says
    return min(abs(one - 1), abs(other - 1)) <= 1e-12  # noqa: PLR2004 - far above the rounding of a ratio of doubles


_SAMPLES = "min({'ts': ts, 'id': id}, 10) FILTER (NOT favourable) AS samples"
_CRUDE = ", ".join(
    [
        *(
            f"CAST(coalesce(sum({name}) FILTER (level IS NOT NULL), 0) AS BIGINT) AS {name}"
            for name in ("n", "favourable", "undecided")
        ),
        "CAST(sum(CASE WHEN level IS NULL THEN n + undecided ELSE 0 END) AS BIGINT) AS without",
        "flatten(list(samples)) AS samples",
    ]
)
_COMPARED = (
    "SELECT l.axis, l.period, l.owner, l.subject, l.level, l.n, l.favourable, l.undecided, l.samples, "
    "coalesce(r.n, 0) AS other_n, coalesce(r.favourable, 0) AS other_favourable, w.reference, "
    "coalesce(w.reference = l.owner, false) AS is_reference "
    "FROM levels l JOIN whole w ON w.axis = l.axis AND w.subject = l.owner "
    "LEFT JOIN levels r ON r.axis = l.axis AND r.owner = w.reference AND r.level = l.level"
)
_STRUCT = "{'level': level, 'favourable': favourable, 'n': n, 'other_favourable': other_favourable, 'other_n': other_n}"
_COMMON = (
    f"SELECT w.axis, w.period, '{COMMON}' AS what, w.subject, w.known, w.n, w.favourable, w.undecided, w.without, "
    "w.rate, w.samples, w.reference, w.reference_rate, false AS is_reference, c.levels, c.value FROM whole w LEFT JOIN "
    f"(SELECT axis, owner, list({_STRUCT} ORDER BY level) AS levels, "
    "sum(favourable * other_n / nullif(n + other_n, 0)) "
    "/ nullif(sum(other_favourable * n / nullif(n + other_n, 0)), 0) AS value "
    "FROM compared GROUP BY axis, owner) c ON c.axis = w.axis AND c.owner = w.subject"
)
_EACH = (
    f"SELECT axis, period, '{LEVEL}' AS what, subject, true AS known, n, favourable, undecided, 0 AS without, "
    "favourable / nullif(n, 0) AS rate, samples, reference, other_favourable / nullif(other_n, 0) AS reference_rate, "
    f"is_reference, [{_STRUCT}] AS levels, "
    "(favourable / nullif(n, 0)) / nullif(other_favourable / nullif(other_n, 0), 0) AS value FROM compared"
)
