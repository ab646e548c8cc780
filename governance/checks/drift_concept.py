"""How far a model foretells outcomes worse than it did in a reference window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field, model_validator

from governance.checks import Check, Row, above
from governance.checks._groups import unattributed
from governance.checks._intervals import difference_interval
from governance.checks._labels import Direction, Duration, PositiveWhen, Truth
from governance.checks._performance import (
    LOWER_IS_BETTER,
    OF_CLASSES,
    Figure,
    Metric,
    figure,
    figures,
    limits,
    names,
    relations,
    samples,
    selected,
)
from governance.checks.output_quality import ReferenceWindow
from governance.findings import Judgement, Observation, Verdict
from governance.measurement.scopes import Scope, subject_of


class Concept(Check):
    """Drift of the concept: how much worse the model foretells outcomes than in a reference window.

    What is measured: accuracy, precision, recall, F1, AUC, Brier score or calibration of the decisions that are old
    enough, in the window and in the reference window, and the loss between them, with the interval of Zou & Donner from
    the intervals of both. For calibration, the mean of outcome less score, it is the change, either way. Where the loss
    is no larger than chance alone makes it with so many outcomes (`noise_floor`) nothing is alarmed; where there are
    many, a loss below `max_loss` is none either.

    Why it matters: inputs can stay as they were while what follows from them changes; only outcomes show it
    (Regulation (EU) 2024/1689, articles 15 and 72(2); SR 26-2, ongoing monitoring; NIST AI RMF, MANAGE 4.1).

    Example:
        - id: still-as-good
          kind: drift-concept
          outcome: default
          metric: auc
          max_loss: 0.03
          reference: {window: 2025-Q4}
          mature_after: 90d
          per: month
          minimum_n: 100
          severity: high

    Fields:
        outcome: Name of the outcome, as the log has it.
        metric: accuracy, precision, recall, f1, auc, brier or calibration.
        positive_when: Which decisions foretold the outcome: `favourable`, `adverse` or, by `threshold`, those whose
            score was on or beyond the threshold in force. Needed for accuracy, precision, recall and f1 alone.
        score_direction: `up` if a higher score makes the outcome likelier, `down` if a lower one does.
        max_loss: Loss above which the check fails; exactly on it passes. For brier a loss is a rise.
        reference: The window to compare with, as {window: 2026-Q2}; unless named the one before, {window: previous}.
        mature_after: Time after which a decision's outcome counts, such as 90d; younger ones are counted apart.
        min_labelled: Share of the old enough decisions that must have the outcome, in both windows.

    `minimum_n` holds for both windows, as for `performance-classification`. With `per`, each part of the calendar is
    compared with the whole reference window. A group that the reference window does not hold is not assessed.

    A failure can mean: habits, prices or laws have changed; the model meets other people than it learned from; an input
    means something else; or outcomes are recorded otherwise than before.
    """

    needs: ClassVar[tuple[str, ...]] = ("outcomes.positive",)

    outcome: str = Field(min_length=1)
    metric: Metric
    positive_when: PositiveWhen | None = None
    score_direction: Direction = "up"
    max_loss: float = Field(ge=0, lt=1)
    reference: ReferenceWindow | None = None
    mature_after: Duration | None = None
    min_labelled: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _fields_fit_the_metric(self) -> Concept:
        if (self.metric in OF_CLASSES) != (self.positive_when is not None):
            needs = "needs `positive_when`" if self.metric in OF_CLASSES else "has no use for `positive_when`"
            raise ValueError(f"{self.metric} {needs}")
        return self

    @property
    def truth(self) -> Truth:
        """The outcome that decisions are compared with."""
        return Truth(self.outcome, self.mature_after, self.min_labelled)

    def _compared(self, scope: Scope) -> Scope:
        """The scope with the window that figures are compared with."""
        if self.reference is None:
            return replace(scope, reference=scope.reference or scope.window_before())
        return replace(scope, reference=scope.named_window(self.reference.window))

    def bound(self, scope: Scope) -> dict[str, Any]:
        return self._compared(scope).parameters | self.truth.parameters

    def statement(self, scope: Scope) -> str:
        plain = self.model_copy(update={"per": None})
        wanted = selected(self.metric, self.positive_when, self.score_direction)
        now = relations(self, self.metric, "records", self.truth.records(self, scope, wanted))
        records = self.truth.records(plain, scope, wanted, reference=True)
        earlier = relations(plain, self.metric, "earlier", records)
        listed = ", ".join(f"w.{name} AS was_{name}" for name in (*names(self.metric), "value"))
        loss = "w.value - n.value"
        if self.metric in (*LOWER_IS_BETTER, "calibration"):
            loss = "n.value - w.value"
        return (
            f"WITH {self.truth.tables()}, {now}, {earlier}, "
            f"now AS ({figures(self, self.metric, 'records', base=plain)}), "
            f"was AS ({figures(plain, self.metric, 'earlier')}) "
            f"SELECT n.* RENAME (value AS figure), {loss} AS value, {listed} FROM now n "
            "LEFT JOIN was w ON w.axis = n.axis AND w.subject = n.base ORDER BY n.axis, n.subject"
        )

    def observe(self, rows: Sequence[Row], scope: Scope) -> list[Observation]:
        window, compared = scope.window, self._compared(scope).reference
        overlaps = compared is not None and compared.start < window.end and window.start < compared.end
        reason = "the window overlaps the reference window: decisions would be compared with themselves"
        return [self._observation(row, reason if overlaps else None) for row in rows]

    def _observation(self, row: Row, reason: str | None) -> Observation:
        now = figure(row | {"value": row["figure"]}, self.metric, self.truth)
        was = self._earlier(row)
        counts: dict[str, Any] = now.counts | {"figure": now.value, "figure_interval": _listed(now)}
        if was is not None:
            counts |= {f"reference_{name}": value for name, value in was.counts.items()}
            counts |= {"reference_n": was.n, "reference_figure": was.value, "reference_interval": _listed(was)}
        reason = reason or now.reason or ("the reference window does not hold this group" if was is None else None)
        if reason is None and was is not None and was.reason is not None:
            reason = f"in the reference window, {was.reason}"
        value, interval = None, None
        if reason is None and was is not None:
            value, interval = row["value"], self._interval(now, was)
            counts["noise_floor"] = None if interval is None else _floor(value, interval)
        n, ids = min(now.n, was.n if was else 0), samples(row, self.metric)
        metric = f"{self.metric}_{'change' if self.metric == 'calibration' else 'loss'}"
        subject = subject_of(row["subject"])
        return Observation(subject, metric, value, "score", n, counts, interval, ids, reason)

    def _earlier(self, row: Row) -> Figure | None:
        """The figure of the reference window, or None where it does not hold the group."""
        if row["was_decisions"] is None:
            return None
        own = {name: row[f"was_{name}"] for name in (*names(self.metric), "value")}
        return figure(own, self.metric, self.truth)

    def _interval(self, now: Figure, was: Figure) -> tuple[float, float] | None:
        """Of the loss; None where a figure has no interval, because its records do not vary."""
        if now.interval is None or was.interval is None or now.value is None or was.value is None:
            return None
        if self.metric in (*LOWER_IS_BETTER, "calibration"):
            return difference_interval(now.value, now.interval, was.value, was.interval)
        return difference_interval(was.value, was.interval, now.value, now.interval)

    def limit(self) -> Mapping[str, Any]:
        compared = None if self.reference is None else self.reference.window
        own = {"metric": self.metric, "outcome": self.outcome, "max_loss": self.max_loss, "reference": compared}
        return limits(own | {"mature_after": self.mature_after})

    def judge(self, observation: Observation) -> Judgement:
        counts, value, who = observation.counts, observation.value or 0.0, unattributed(observation.subject)
        size = abs(value) if self.metric == "calibration" else value
        said = f"{who}{self.metric} went from {counts['reference_figure']:.3f} to {counts['figure']:.3f}"
        if not above(size, self.max_loss):
            return Judgement(Verdict.PASSED, said if who else None, self.limit())
        floor = counts["noise_floor"]
        reason = f"{said}, by more than {self.max_loss:g}"
        if floor is not None and size <= floor:
            reason += f", but chance alone gives as much as {floor:.3g} here; more outcomes could tell"
            return Judgement(Verdict.NOT_ASSESSED, reason, self.limit())
        known = f"outcomes of {counts['labelled']:,} and {counts['reference_labelled']:,} decisions are known"
        return Judgement(Verdict.FAILED, f"{reason}; {known}", self.limit())


def _listed(one: Figure) -> list[float] | None:
    return None if one.interval is None else list(one.interval)


def _floor(value: float, interval: tuple[float, float]) -> float:
    """Distance from the figure to the end of its interval that looks towards 0: below it, 0 is within the interval."""
    return value - interval[0] if value > 0 else interval[1] - value
