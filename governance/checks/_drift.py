"""What the checks of drift share: their fields, how samples are compared, and the verdict."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import Field

from governance.checks import Check, Measurement, Row, _drift_bins, _drift_noise, _drift_order, above
from governance.checks._drift_records import Samples
from governance.checks._drift_reference import Reference
from governance.checks._groups import unattributed
from governance.engines.duckdb import Engine, literal
from governance.errors import GovernanceError
from governance.findings import Judgement, Observation, Subject, Verdict, Window
from governance.measurement.scopes import Scope, subject_of, subject_text

_NAMES = {"psi": "PSI", "js": "Jensen-Shannon distance", "ks": "KS distance", "wasserstein": "Wasserstein distance"}
_UNITS = {"psi": "index", "js": "distance", "ks": "distance", "wasserstein": "reference sd"}
_BINNED = ("psi", "js")
_ORDERED = ("mean", "reference_mean", "sd", "reference_sd", "distance")


@dataclass(frozen=True)
class Nothing:
    """A subject that cannot be compared, and why."""

    subject: Subject
    reason: str


class Drift(Check):
    """Fields, measurement and verdict of every check of drift."""

    reference: Reference
    # `measure` in a policy; here that name is the method of every check
    statistic: Literal["psi", "wasserstein", "js", "ks"] = Field(default="psi", alias="measure")
    max: float = Field(gt=0)

    @abstractmethod
    def samples(self, engine: Engine, scope: Scope) -> Iterable[Samples | Nothing]:
        """What is compared, in samples of its own for each model, and what cannot be."""

    def shown(self, engine: Engine, ids: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002 - some look them up
        """The ids of samples as a user types them."""
        return tuple(ids)

    def measure(self, engine: Engine, scope: Scope) -> Measurement:
        try:
            own = self.reference.scoped(scope)
        except GovernanceError as error:
            return _without([Nothing((), f"the reference cannot be read: {error.what}")])
        if own.reference is not None and _overlap(own.reference, own.window):
            reason = (
                f"the window overlaps the reference {self.reference.label}: records would be compared to themselves"
            )
            return _without([Nothing((), reason)])
        rows: list[tuple[Row, str, Samples]] = []
        missing: list[Nothing] = []
        for found in self.samples(engine, own):
            if isinstance(found, Nothing):
                missing.append(found)
            else:
                for sql in self._statements(found, engine, own):
                    rows += [(row, sql, found) for row in engine.records(sql, own.parameters)]
        subjects = sum(row["value"] is not None for row, _, _ in rows)
        observations = [self._observation(row, subjects) for row, _, _ in rows]
        pairs = zip(observations, rows, strict=True)
        sampled = [self._sampled(engine, own, one, row, found) for one, (row, _, found) in pairs]
        without = _without(missing)
        sql_of = {subject_of(row["subject"]): sql for row, sql, _ in rows} | dict(without.sql_of or {})
        first = rows[0][1] if rows else without.sql
        return Measurement([*sampled, *without.observations], first, own.parameters, sql_of)

    def _statements(self, samples: Samples, engine: Engine, scope: Scope) -> list[str]:
        if self.statistic in _BINNED:
            return [_drift_bins.statement(samples, self.statistic)]
        groups = [samples.groups(engine, axis, scope.parameters) for axis in samples.axes]
        size = samples.size(engine, scope.parameters)
        return [
            _drift_order.statement(samples, self.statistic, groups, places)
            for places in _drift_order.batches(samples, size)
        ]

    def statement(self, scope: Scope) -> str:
        raise NotImplementedError("the statement depends on the columns of the store")

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:  # noqa: ARG002 - the form of a check
        subjects = sum(row["value"] is not None for row in rows)
        return [self._observation(row, subjects) for row in rows]

    def _observation(self, row: Row, subjects: int) -> Observation:
        n, m = row["n"], row["reference_n"]
        value = None if row["value"] is None else float(row["value"])
        counts = {name: row[name] for name in ("reference_n", "missing", "reference_missing")} | {"subjects": subjects}
        found = None
        if self.statistic in _BINNED:
            counts["bins"] = _drift_bins.labelled(row)
            shape = [_drift_noise.Bin(one["reference_n"], one["n"]) for one in counts["bins"]]
            if value is not None:
                found = _drift_noise.of_bins(self.statistic, value, shape, subjects)
        else:
            counts |= {name: _number(row[name]) for name in _ORDERED}
            if value is not None:
                found = _drift_noise.of_order(self.statistic, value, (n, m), _spread(row), subjects)
        if found is not None:
            counts["noise_floor"] = found.floor
        return Observation(
            subject_of(row["subject"]),
            self.statistic,
            value,
            _UNITS[self.statistic],
            n,
            counts,
            None if found is None else found.interval,
            (),
            self._why_no_figure(row) if value is None else None,
        )

    def _why_no_figure(self, row: Row) -> str:
        is_binned = self.statistic in _BINNED  # then missing values are among those that are counted
        n, m = row["n"] + (0 if is_binned else row["missing"]), row["reference_n"]
        m += 0 if is_binned else row["reference_missing"]
        own, other, label = n - row["missing"], m - row["reference_missing"], self.reference.label
        if m == 0:
            return f"{label} holds no records to compare with"
        if other == 0 and own:
            return f"none of the {m:,} records of {label} has a value, but {own:,} of {n:,} now have one: it is new"
        if other == 0:
            return f"no record has a value, neither of the {m:,} of {label} nor of the {n:,} now"
        if own == 0:
            there = f"{other:,} of the {m:,} of {label} have one"
            return f"none of the {n:,} records has a value, but {there}: it has vanished"
        if row["reference_mean"] is None:
            return "its values are names and have no order; psi and js compare such"
        return (
            f"all {other:,} values of {label} are the same: there is no spread to measure in; psi, js and ks can tell"
        )

    def _sampled(self, engine: Engine, scope: Scope, one: Observation, row: Row, samples: Samples) -> Observation:
        """The observation with ids of records that show the drift, if it fails."""
        if self.verdict(one).verdict is not Verdict.FAILED:
            return one
        named = dict(one.subject)[samples.key]
        place = next(place for place in samples.places if samples.variables[place].name == named)
        if self.statistic in _BINNED:
            reference = f"SELECT {samples.variables[place].reference_sql} FROM {samples.reference}"
            chosen = f"{_drift_bins.grown(row, reference)} ORDER BY id"
        else:
            down = one.counts["mean"] < one.counts["reference_mean"]
            chosen = f"v IS NOT NULL ORDER BY v {'ASC' if down else 'DESC'}, id"
        group = one.subject[1 + len(samples.about) :]
        return replace(one, samples=self.shown(engine, samples.ids(engine, scope.parameters, group, place, chosen)))

    def verdict(self, observation: Observation) -> Judgement:
        """As for every check; but both sides need enough records."""
        m = observation.counts.get("reference_n", 0)
        if observation.value is not None and observation.n >= self.minimum_n > m:
            reason = f"{m:,} records of {self.reference.label}, fewer than the {self.minimum_n} that a verdict needs"
            return Judgement(Verdict.NOT_ASSESSED, reason, self.limit())
        return super().verdict(observation)

    def limit(self) -> Mapping[str, Any]:
        return {"max": self.max, "measure": self.statistic, "reference": self.reference.limit}

    def judge(self, observation: Observation) -> Judgement:
        value, floor = observation.value or 0.0, observation.counts["noise_floor"]
        who = unattributed(observation.subject)
        said = f"{who}{_NAMES[self.statistic]} is {value:.3g}"
        if not above(value, self.max):
            return Judgement(Verdict.PASSED, f"{said}, within {self.max:g}" if who else None, self.limit())
        said += f", above {self.max:g}"
        if not above(value, floor):
            said += f", but chance alone gives as much as {floor:.3g} here"
            return Judgement(Verdict.NOT_ASSESSED, f"{said}; {self._needed(observation)}", self.limit())
        return Judgement(Verdict.FAILED, f"{said}: {_movement(observation)}", self.limit())

    def _needed(self, observation: Observation) -> str:
        """How many records would bring the noise down to the limit."""
        shrink = self.max / observation.counts["noise_floor"]
        if self.statistic != "psi":  # the others are distances, whose square is what goes with 1/n
            shrink **= 2
        needed = _drift_noise.records_needed(observation.n, observation.counts["reference_n"], shrink)
        if needed is None:
            return "only a larger reference could tell"
        return f"about {needed:,} records could tell"


def _overlap(one: Window, other: Window) -> bool:
    return one.start < other.end and other.start < one.end


def _without(missing: Sequence[Nothing]) -> Measurement:
    """Observations without a figure, each with a statement that says so."""
    sql_of = {
        one.subject: f"SELECT {literal(subject_text(one.subject))} AS subject, CAST(NULL AS DOUBLE) AS value"
        for one in missing
    }
    observations = [Observation(one.subject, "drift", None, "", 0, reason=one.reason) for one in missing]
    return Measurement(observations, next(iter(sql_of.values()), ""), {}, sql_of)


def _movement(observation: Observation) -> str:
    """What moved most, in a few words."""
    counts, n = observation.counts, observation.n
    if "bins" in counts:
        most = max(counts["bins"], key=lambda one: abs(one["part"]))
        before, after = most["reference_n"] / counts["reference_n"], most["n"] / n
        label = str(most["bin"])
        label = label[1:-1] if label in _drift_bins.UNNAMED.values() else f"'{label}'"
        return f"the share of {label} went from {before:.1%} to {after:.1%}"
    return f"the mean went from {counts['reference_mean']:.4g} to {counts['mean']:.4g}"


def _spread(row: Row) -> _drift_noise.Spread:
    """The spreads of a row in standard deviations of its reference; all 0 where that is 0, which only ks can have."""
    unit = float(row["reference_sd"])
    parts = [float(row[name]) for name in ("spread", "reference_spread", "own_spread", "sd")]
    return _drift_noise.Spread(*(part / unit if unit else 0.0 for part in parts))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
