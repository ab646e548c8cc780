"""Whether errors fall on groups alike: true and false positive rates against late outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from governance.checks import Check, Row
from governance.checks._bootstrap import Comparison, Reselected, compared_with_highest
from governance.checks._discoveries import p_of_difference
from governance.checks._intervals import share_ratio_interval
from governance.checks._labels import (
    CONFUSED,
    CONFUSION,
    COUNTS,
    Direction,
    Duration,
    PositiveWhen,
    Truth,
    one_sided,
    prediction,
)
from governance.checks._ratios import Group
from governance.checks._references import (
    HIGHEST,
    Reference,
    bound_reference,
    groups,
    own_columns,
    parts,
    referred,
    samples_of,
    subject_of_measure,
)
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of
from governance.measurement.statistics import newcombe, wilson
from governance.wording import points

Rate = Literal["tpr", "fpr"]
DIFFERENCE, RATIO = "difference", "ratio"
_OF: dict[str, tuple[str, str, str]] = {  # rate -> counted, denominator, the decisions that harm it
    "tpr": ("tp", "tp + fn", "is_mature AND positive AND NOT predicted"),
    "fpr": ("fp", "fp + tn", "is_mature AND NOT positive AND predicted"),
}
_HAD = {"tpr": "had the outcome", "fpr": "did not have the outcome"}


class ErrorRates(Check):
    """Error rates by group: equal opportunity and equalised odds against outcomes that became known later.

    What is measured: for each group the true positive rate (of those who had the outcome, the share of whom it was
    foretold) and the false positive rate (of those who did not have it), with Wilson intervals, and how far they lie
    from those of the reference group: as a difference (interval by Newcombe) or as a ratio of the smaller to the larger
    rate (interval by Katz and others). With both rates and no limit broken a system satisfies equalised odds within
    that limit, with `rates: [tpr]` equal opportunity. Where the reference is the group with the highest rate, chance
    chooses it too: `reselected_interval` and `reference_again` say how far, as in `fairness-impact-ratio`.

    Why it matters: a system with the same approval rates can still refuse those who would have paid back, in one group
    more often than in another (Hardt, Price & Srebro 2016; Regulation (EU) 2024/1689, articles 10(2) and 15; NIST AI
    RMF, MEASURE 2.11).

    Example:
        - id: equal-opportunity
          kind: fairness-error-rates
          by: [sex, [sex, age_band]]
          outcome: repaid
          positive_when: favourable
          rates: [tpr]
          max_difference: 0.1
          mature_after: 180d
          minimum_n: 30
          severity: high

    Fields:
        outcome: Name of the outcome, as the log has it.
        positive_when: Which decisions foretold the outcome: `favourable`, `adverse`, or by `threshold`, those whose
            score was on or beyond the threshold in force.
        score_direction: With `threshold`: `up` if a higher score makes the outcome likelier, else `down`.
        rates: tpr, fpr or both.
        max_difference: Distance to the reference group's rate, either way, above which the check fails.
        min_ratio: Ratio of the smaller to the larger rate below which the check fails. Exactly on a limit passes,
            decided in whole numbers.
        reference: `highest` (the group with the highest rate among those with `minimum_n` records in its denominator;
            the largest distance is then that of any two groups), or the name of a group, as {race: white} or white.
        mature_after: Time after which a decision's outcome counts, such as 90d; younger ones are counted apart.
        min_labelled: Share of the old enough decisions that must have the outcome; otherwise nothing is assessed.

    `minimum_n` holds for the denominator of each rate, not for the group: of a group in which nobody had the outcome
    there is no true positive rate. A distance beyond the limit whose interval holds no difference at all is a warning.
    Where outcomes are known of one kind of decision alone (loans that were granted) there is no rate either.

    A failure can mean: the score is less informed about one group; one threshold for groups whose scores mean
    different things; or outcomes that are recorded more eagerly for one group than for another.
    """

    needs: ClassVar[tuple[str, ...]] = ("outcomes.positive",)

    by: tuple[tuple[str, ...], ...] = Field(min_length=1)
    outcome: str = Field(min_length=1)
    positive_when: PositiveWhen
    score_direction: Direction = "up"
    rates: tuple[Rate, ...] = Field(default=("tpr", "fpr"), min_length=1)
    max_difference: float | None = Field(default=None, ge=0, lt=1)
    min_ratio: float | None = Field(default=None, gt=0, le=1)
    reference: Reference = "highest"
    mature_after: Duration | None = None
    min_labelled: float = Field(default=0.0, ge=0, le=1)

    @field_validator("rates")
    @classmethod
    def _each_once(cls, value: tuple[Rate, ...]) -> tuple[Rate, ...]:
        return tuple(dict.fromkeys(value))

    @model_validator(mode="after")
    def _some_limit(self) -> ErrorRates:
        if self.max_difference is None and self.min_ratio is None:
            raise ValueError("give `max_difference`, `min_ratio` or both")
        return self

    @property
    def truth(self) -> Truth:
        """The outcome that decisions are compared with."""
        return Truth(self.outcome, self.mature_after, self.min_labelled)

    @property
    def measures(self) -> list[tuple[Rate, str]]:
        """Rate and comparison of each figure of a group."""
        wanted = {DIFFERENCE: self.max_difference, RATIO: self.min_ratio}
        return [(rate, how) for rate in self.rates for how, limit in wanted.items() if limit is not None]

    def bound(self, scope: Scope) -> dict[str, Any]:
        return scope.parameters | self.truth.parameters | bound_reference(self, self.reference)

    def statement(self, scope: Scope) -> str:
        records = self.truth.records(self, scope, [prediction(self.positive_when, self.score_direction)])
        sampled = ", ".join(
            f"min({{'ts': ts, 'id': id}}, 10) FILTER ({_OF[rate][2]}) AS {rate}_samples" for rate in self.rates
        )
        named = [f"{rate}_{how}" for rate, how in self.measures]
        listed = ", ".join(f"flatten(list({rate}_samples)) AS {rate}_samples" for rate in self.rates)
        rates = " UNION ALL ".join(
            f"SELECT *, '{rate}' AS what, {_OF[rate][0]} AS k, {_OF[rate][1]} AS n, "
            f"{_OF[rate][0]} / nullif({_OF[rate][1]}, 0) AS rate, {rate}_samples AS samples FROM groups"
            for rate in self.rates
        )
        found = " UNION ALL ".join(self._measure(rate, how, len(named) > 1) for rate, how in self.measures)
        return (
            f"WITH {self.truth.tables()}, records AS ({records}), "
            f"cells AS (SELECT {own_columns(self)}{COUNTS}, {CONFUSION}, {sampled} FROM records GROUP BY ALL), "
            f"groups AS ({groups(self, f'{_SUMS}, {listed}', 'cells', named)}), rates AS ({rates}), "
            f"compared AS ({referred('rates', self.reference, 'axis, period, what')}) "
            f"SELECT * FROM ({found}) ORDER BY axis, period, what, how, n DESC, label"
        )

    def _measure(self, rate: Rate, how: str, is_named: bool) -> str:
        value = "rate - reference_rate"
        if how == RATIO:
            value = "least(rate, reference_rate) / nullif(greatest(rate, reference_rate), 0)"
        subject = subject_of_measure(f"{rate}_{how}" if is_named else None)
        columns = ", ".join((*_KEPT, *_SUMMED))
        return (
            f"SELECT {columns}, subject AS owner, {subject} AS subject, '{how}' AS how, {value} AS value "
            f"FROM compared WHERE what = '{rate}'"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        found = parts(rows, "axis", "period", "what", "how")
        return [one for part in found for one in self._observations(part)]

    def _observations(self, rows: Sequence[Row]) -> Iterator[Observation]:
        """The observations of one rate and comparison on one axis in one part of the calendar."""
        known = [row for row in rows if row["known"]]
        unknown = sum(row["n"] for row in rows if not row["known"])
        drawn = _reselected(known) if self.reference == HIGHEST else {}
        for row in known:
            yield self._observation(row, known, unknown, drawn)

    def _observation(
        self, row: Row, rivals: Sequence[Row], unknown: int, drawn: Mapping[str, Reselected]
    ) -> Observation:
        k, n = row["k"], row["n"]
        reference = next((other for other in rivals if other["owner"] == row["reference"]), None)
        counts = self.truth.counts(row) | {name: row[name] for name in CONFUSED}
        counts |= {
            "counted": k,
            "rate": row["rate"],
            "rate_interval": list(wilson(k, n)) if n else None,
            "reference": row["reference"],
            "reference_n": reference and reference["n"],
            "reference_counted": reference and reference["k"],
            "unknown": unknown,
        }
        reason, interval = self._why_no_figure(row, rivals), None
        if reason is None and reference is not None and reference is not row:
            j, m = reference["k"], reference["n"]
            low, high = newcombe(k, n, j, m)
            counts |= {"p": p_of_difference(k, n, j, m), "difference_interval": [low, high]}
            interval = (low, high) if row["how"] == DIFFERENCE else _ratio_interval(k, n, j, m)
        if reason is None and row["owner"] in drawn:
            interval_again = drawn[row["owner"]].interval
            counts["reselected_interval"] = interval_again and list(interval_again)
            counts["reference_again"] = drawn[row["reference"]].is_highest
        value = row["value"] if reason is None else None
        subject, samples = subject_of(row["subject"]), samples_of(row)
        metric, unit = f"{row['what']}_{row['how']}", "share" if row["how"] == DIFFERENCE else "ratio"
        return Observation(subject, metric, value, unit, n, counts, interval, samples, reason)

    def _why_no_figure(self, row: Row, rivals: Sequence[Row]) -> str | None:
        what = row["what"].upper()
        if reason := self.truth.why_unlabelled(row) or one_sided(row):
            return reason
        if row["n"] == 0:
            known = row["tp"] + row["fp"] + row["fn"] + row["tn"]
            return (
                f"none of the {known:,} decisions about the group {_HAD[row['what']]}, so its {what} has no denominator"
            )
        if row["reference"] is None:
            return "no group can be the reference: none has enough records, or the named one is missing"
        others = [other for other in rivals if other is not row]
        if row["owner"] == row["reference"] and all(other["n"] < self.minimum_n for other in others):
            return f"no other group has enough records to compare its {what} with"
        if row["how"] == RATIO and row["rate"] == row["reference_rate"] == 0:
            return f"the {what} is 0 here and in the reference group, so the ratio has no denominator"
        return None

    def limit(self) -> Mapping[str, Any]:
        own: dict[str, Any] = {"max_difference": self.max_difference, "min_ratio": self.min_ratio}
        own |= {"outcome": self.outcome, "reference": self.reference, "mature_after": self.mature_after}
        return {name: value for name, value in own.items() if value is not None}

    def judge(self, observation: Observation) -> Judgement:
        counts, n = observation.counts, observation.n
        own = Fraction(counts["counted"], n)
        other = Fraction(counts["reference_counted"], counts["reference_n"])
        what = observation.metric.split("_")[0].upper()
        said = f"the {what} is {float(own):.1%} ({counts['counted']:,} of {n:,}), "
        said += f"{float(other):.1%} in the reference group"
        if observation.metric.endswith(DIFFERENCE):
            is_beyond = abs(own - other) > Fraction(str(self.max_difference))
            reason = f"{said}: more than {points(self.max_difference or 0.0)} apart"
        else:
            is_beyond = min(own, other) < Fraction(str(self.min_ratio)) * max(own, other)
            reason = f"{said}: a ratio below {self.min_ratio:g}"
        if not is_beyond:
            return Judgement(Verdict.PASSED, None, self.limit())
        low, high = counts["difference_interval"]
        if low <= 0 <= high:
            return Judgement(Verdict.WARNED, f"{reason}, which may be chance", self.limit())
        return Judgement(Verdict.FAILED, reason, self.limit())


def _reselected(rows: Sequence[Row]) -> dict[str, Reselected]:
    """Owner -> its distance where chance chooses the reference; empty where nothing can be compared."""
    own = [row for row in rows if row["n"]]
    if len(own) < 2 or not any(row["may_refer"] for row in own):  # noqa: PLR2004 - nothing to compare
        return {}
    how = Comparison.DIFFERENCE if own[0]["how"] == DIFFERENCE else Comparison.SMALLER_BY_LARGER
    found = compared_with_highest([Group(row["k"], row["n"]) for row in own], [row["may_refer"] for row in own], how)
    return {row["owner"]: one for row, one in zip(own, found, strict=True)}


def _ratio_interval(k: int, n: int, j: int, m: int) -> tuple[float, float]:
    """Interval of the smaller rate over the larger."""
    smaller, larger = ((k, n), (j, m)) if Fraction(k, n) <= Fraction(j, m) else ((j, m), (k, n))
    return share_ratio_interval(*smaller, *larger)


_SUMMED = ("decisions", "immature", "immature_labelled", "labelled", *CONFUSED)
_SUMS = (
    ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in _SUMMED)
    + ", max(outcomes) AS outcomes, max(seen_until) AS seen_until"
)
_KEPT = (
    *("axis", "period", "label", "known", "what", "k", "n", "rate", "samples"),
    *("reference", "reference_rate", "may_refer", "outcomes", "seen_until"),
)
