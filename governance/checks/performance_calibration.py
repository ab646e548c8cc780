"""Whether a score means what it says: expected against observed outcomes, band by band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row, above
from governance.checks._bands import Bands, edges_of, name_sql, number_sql
from governance.checks._calibration import Band, ece_floor, ece_interval
from governance.checks._groups import grouped, keys, names, subject_column, unattributed
from governance.checks._labels import COUNTED, COUNTS, Direction, Duration, Truth
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.sample_ids import ids
from governance.measurement.scopes import Scope, subject_of, subject_sql
from governance.measurement.statistics import wilson
from governance.wording import points

ECE, GAP, KEY = "ece", "gap", "score_band"
_USED = "is_mature AND positive IS NOT NULL AND score IS NOT NULL"
_ALL = (
    f"{COUNTS}, count(*) FILTER ({_USED}) AS scored, "
    f"count(*) FILTER ({_USED} AND score NOT BETWEEN 0 AND 1) AS out_of_range"
)
_BAND = (
    "count(*) AS n, count(*) FILTER (positive) AS hits, avg(score) AS expected, sum(score * (1 - score)) AS noise, "
    "arg_max({'ts': ts, 'id': id}, (abs(CASE WHEN positive THEN 1.0 ELSE 0.0 END - score), id), 10) AS samples"
)


class PerformanceCalibration(Check):
    """Calibration: of the people with a score of 30 %, do 30 % have the outcome?

    What is measured: decisions that are old enough and whose outcome is known, in bands of their score. With `max_ece`
    the expected calibration error of each group: the mean distance between the observed share and the mean score of the
    bands, weighted by their records, and what chance alone would make of it (`noise_floor`); the samples are from the
    band that adds most. With `max_gap` the distance in each band, observed less expected, with the Wilson interval of
    the observed share.

    Why it matters: thresholds, prices and reserves are set as if the score were a probability; one that is 10 points
    too high refuses people for nothing (SR 26-2, outcomes analysis; Regulation (EU) 2024/1689, article 15(1)).

    Example:
        - id: score-means-what-it-says
          kind: performance-calibration
          outcome: default
          bands: 10
          max_ece: 0.05
          max_gap: 0.15
          mature_after: 90d
          minimum_n: 50

    Fields:
        outcome: Name of the outcome, as the log has it. The score must be its probability, within 0..1.
        score_direction: `up`, or `down` if the score is the probability that the outcome does not come.
        bands: Number of equal bands of 0..1, or the edges between bands, such as [0.1, 0.2, 0.5].
        max_ece: Expected calibration error above which the check fails; exactly on it passes.
        max_gap: Distance in a band, either way, above which the check fails; exactly on it passes.
        mature_after: Time after which a decision's outcome counts, such as 90d; younger ones are counted apart.
        min_labelled: Share of the old enough decisions that must have the outcome; otherwise nothing is assessed.

    An error above its limit that a perfectly calibrated score reaches as well with so few records is not assessed; a
    band beyond its limit whose interval holds the expected share is a warning. `minimum_n` holds for a group with
    `max_ece`, for each band with `max_gap`.

    A failure can mean: the outcome has become more or less frequent than when the model was built; the score was never
    calibrated; outcomes are known only of those who were let through; or the direction of the score is the other one.
    """

    needs: ClassVar[tuple[str, ...]] = ("outcomes.positive", "decisions.score")

    outcome: str = Field(min_length=1)
    score_direction: Direction = "up"
    bands: Bands = 10
    max_ece: float | None = Field(default=None, ge=0, le=1)
    max_gap: float | None = Field(default=None, ge=0, le=1)
    mature_after: Duration | None = None
    min_labelled: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _some_limit(self) -> PerformanceCalibration:
        if self.max_ece is None and self.max_gap is None:
            raise ValueError("give `max_ece`, `max_gap` or both")
        return self

    @property
    def truth(self) -> Truth:
        """The outcome that scores are compared with."""
        return Truth(self.outcome, self.mature_after, self.min_labelled)

    def bound(self, scope: Scope) -> dict[str, Any]:
        return scope.parameters | self.truth.parameters

    def statement(self, scope: Scope) -> str:
        turned = "d.score" if self.score_direction == "up" else "1 - d.score"
        records = self.truth.records(self, scope, [f"CASE WHEN isfinite(d.score) THEN {turned} END AS score"])
        ctes = [self.truth.tables(), f"records AS ({records})", f"groups AS ({grouped(self, _ALL, 'records')})"]
        ctes.append(f"banded AS (SELECT *, {number_sql(edges_of(self.bands), 'score')} AS band FROM records)")
        ctes.append(f"cells AS ({' UNION ALL '.join(map(self._cells, range(len(self.axes))))})")
        parts = [_ERRORS] if self.max_ece is not None else []
        parts += [_GAPS] if self.max_gap is not None else []
        return f"WITH {', '.join(ctes)} {' UNION ALL '.join(parts)} ORDER BY axis, subject, what, band NULLS FIRST"

    def _cells(self, place: int) -> str:
        """One row for each group of an axis and each band that holds a decision."""
        axis, own = self.axes[place], keys(self, self.axes[place])
        band = name_sql(edges_of(self.bands), "band")
        named = subject_sql([*names(self, axis), KEY], [*own, band])
        return (
            f"SELECT {place} AS axis, {subject_column(self, axis)} AS owner, {named} AS subject, {band} AS name, band, "
            f"{_BAND} FROM banded WHERE {_USED} GROUP BY {', '.join([*own, 'band'])}"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        return [self._error(row) if row["what"] == ECE else self._gap(row) for row in rows]

    def _why_no_figure(self, row: Row) -> str | None:
        if reason := self.truth.why_unlabelled(row):
            return reason
        if row["scored"] == 0:
            return f"none of the {row['labelled']} decisions with an outcome has a score"
        if row["out_of_range"]:
            return f"{row['out_of_range']} of {row['scored']} scores lie outside 0..1 and are no probabilities"
        return None

    def _error(self, row: Row) -> Observation:
        counts = self.truth.counts(row) | {"scored": row["scored"], "out_of_range": row["out_of_range"]}
        listed = row["bands"] or ()
        counts["bands"] = [
            {name: band[name] for name in ("name", "n", "hits", "expected")} | {"observed": band["hits"] / band["n"]}
            for band in listed
        ]
        reason, value, interval = self._why_no_figure(row), None, None
        if reason is None:
            bands = [Band(band["n"], band["hits"], band["expected"], band["noise"]) for band in listed]
            value, interval = row["value"], ece_interval(row["value"], bands)
            counts["noise_floor"] = ece_floor(bands)
        subject, samples = subject_of(row["subject"]), ids(row["samples"])
        metric = "expected_calibration_error"
        return Observation(
            subject, metric, value, "share", row["scored"], counts, interval, samples, reason, {"what": ECE}
        )

    def _gap(self, row: Row) -> Observation:
        (band,) = row["bands"]
        counts = self.truth.counts(row) | {"hits": band["hits"], "expected": band["expected"]}
        counts["observed"] = band["hits"] / band["n"]
        reason, value, interval = self._why_no_figure(row), None, None
        if reason is None:
            low, high = wilson(band["hits"], band["n"])
            value, interval = row["value"], (low - band["expected"], high - band["expected"])
        subject, samples = subject_of(row["subject"]), ids(row["samples"])
        return Observation(
            subject, "calibration_gap", value, "share", band["n"], counts, interval, samples, reason, {"what": GAP}
        )

    def limit(self) -> Mapping[str, Any]:
        own = {"outcome": self.outcome, "max_ece": self.max_ece, "max_gap": self.max_gap}
        return {name: value for name, value in (own | {"mature_after": self.mature_after}).items() if value is not None}

    def judge(self, observation: Observation) -> Judgement:
        return self._judge_error(observation) if observation.facts["what"] == ECE else self._judge_gap(observation)

    def _judge_error(self, observation: Observation) -> Judgement:
        value, floor, limit = observation.value or 0.0, observation.counts["noise_floor"], self.max_ece or 0.0
        said = f"{unattributed(observation.subject)}the expected calibration error is {value:.3f}"
        if not above(value, limit):
            who = unattributed(observation.subject)
            return Judgement(Verdict.PASSED, said if who else None, self.limit())
        if value <= floor:
            reason = f"{said}, above {limit:g}, but chance alone reaches {floor:.3f} with {observation.n:,} decisions"
            return Judgement(Verdict.NOT_ASSESSED, reason, self.limit())
        reason = f"{said}, above {limit:g}; chance alone reaches {floor:.3f}"
        return Judgement(Verdict.FAILED, reason, self.limit())

    def _judge_gap(self, observation: Observation) -> Judgement:
        counts, value, limit = observation.counts, observation.value or 0.0, self.max_gap or 0.0
        who, (low, high) = unattributed(observation.subject), observation.interval or (-1.0, 1.0)
        said = f"{who}{counts['hits']:,} of {observation.n:,} had the outcome, {counts['expected']:.1%} were expected"
        if not above(abs(value), limit):
            return Judgement(Verdict.PASSED, said if who else None, self.limit())
        reason = f"{said}: more than {points(limit)} apart"
        if low <= 0 <= high:
            return Judgement(Verdict.WARNED, f"{reason}, which may be chance", self.limit())
        return Judgement(Verdict.FAILED, reason, self.limit())


_COUNTED = ", ".join(f"g.{name}" for name in (*COUNTED, "scored", "out_of_range"))
_LISTED = "{'name': name, 'n': n, 'hits': hits, 'expected': expected, 'noise': noise}"
_ERRORS = (
    f"SELECT g.axis, g.subject, '{ECE}' AS what, CAST(NULL AS INTEGER) AS band, "
    f"c.error AS value, c.bands, c.samples, {_COUNTED} FROM groups g LEFT JOIN "
    "(SELECT axis, owner, sum(abs(hits - n * expected)) / sum(n) AS error, "
    "arg_max(samples, (abs(hits - n * expected), band)) AS samples, "
    f"list({_LISTED} ORDER BY band) AS bands FROM cells GROUP BY axis, owner) c "
    "ON c.axis = g.axis AND c.owner = g.subject"
)
_GAPS = (
    f"SELECT g.axis, c.subject, '{GAP}' AS what, c.band, hits / n - expected AS value, [{_LISTED}] AS bands, "
    f"c.samples, {_COUNTED} FROM groups g JOIN cells c ON c.axis = g.axis AND c.owner = g.subject"
)
